"""What no training ever sees: sentence frames, hand-written phrases, and wishes that are none of the kinds."""

FRAMES_HELD_OUT = {
    "en": {
        "adjective": "I'd love {o} to become {a}|show me how {o} looks when {a}|get {o} {a}|my idea is {o} being {a}|would {o} work if it were {a}?|{o} ought to appear {a}|see to it that {o} ends up {a}|imagine {o} {a} and draw that|nothing beats {o} when {a}",
        "noun": "go with {n} here|process {o} using {n}|I was hoping for {n}|show me {o} in {n}|my boss asked for {n}|finish {o} off with {n}|nothing but {n} will do|this calls for {n}|run {n} over {o}|what about {n} on top?",
        "clause": "would you mind: {v}|my wish is that you {v}|{v}, that is all|time to {v}|all I ask: {v}|here's the deal, {v}|{v} before you send it|the client wrote: {v}|it'd be lovely if you'd {v}",
    },
    "zh": {
        "adjective": "我希望{o}能{a}|想看{o}{a}的版本|{o}最好{a}|不如让{o}{a}|客户想让{o}{a}|怎样才能使{o}{a}|务必让{o}{a}",
        "noun": "来个{n}|试试{n}|{o}弄出{n}来|老板想要{n}|整个{n}看看|套上{n}|能出{n}吗|我比较喜欢{n}",
        "clause": "劳驾{v}|我的要求是{v}|{v}，拜托了|客户说：{v}|辛苦{v}|听我的，{v}|{v}再发给我|这次要{v}",
    },
}
HAND_WRITTEN = {
    "black_and_white": {
        "en": ["Could you make this photo black and white for me?", "no colours, just shades of gray", "like a film from the 1940s, in black and white", "I'd prefer it in greyscale"],
        "zh": ["我想要一张黑白的图片", "颜色全部去掉", "变成黑白老电影那样", "不要彩色，只要灰色"],
    },
    "negative": {
        "en": ["Show me the photo with all of its colors inverted", "Invert the colors", "turn it to its negative version", "as on a strip of negative film"],
        "zh": ["做成负片的感觉", "所有颜色都反过来", "把图片变成负片", "像胶卷底片那样"],
    },
    "sepia": {
        "en": ["an old vintage postcard, sepia coloured", "like grandma's old photos", "Give this the sepia look of an antique photograph", "old brownish photo style"],
        "zh": ["看起来像一张老照片", "民国时期的老照片感觉", "弄成怀旧的棕褐色", "复古一点"],
    },
    "warm": {
        "en": ["Give the scene a warm glow", "it feels too cold, warm it", "warmer colors, like sunset", "I'd like warmer light in here"],
        "zh": ["画面冷了，要暖一点", "像夕阳一样温暖", "色调再暖些", "换成温暖的色调"],
    },
    "cool": {
        "en": ["cold icy atmosphere, cool it", "like a freezing winter morning", "cooler colors, like in winter", "too warm for me, cool it down"],
        "zh": ["像冬天一样寒冷", "色调要冷", "换成冷色调", "太暖了，调冷些"],
    },
    "red": {
        "en": ["everything should be red", "red everywhere", "a strong red tint over all of it", "make the photo reddish"],
        "zh": ["整个世界都是红色", "来点红色", "给照片加红色滤镜", "整体偏红一些"],
    },
    "green": {
        "en": ["tint the whole picture green", "as if through green glass", "a green filter would be great", "make the photo greenish"],
        "zh": ["像透过绿色玻璃看", "全部变绿", "给照片加绿色滤镜", "整体偏绿一些"],
    },
    "blue": {
        "en": ["I would like a blue version", "blue mood", "put a blue filter over the photo", "make the photo bluish"],
        "zh": ["整张图变成蓝色的", "蓝蓝的感觉", "给照片加蓝色滤镜", "整体偏蓝一些"],
    },
    "yellow": {
        "en": ["cover it with a yellow filter", "yellow like a lemon", "I want a yellow tint", "make the photo yellowish"],
        "zh": ["黄黄的", "盖一层黄色", "给照片加黄色滤镜", "整体偏黄一些"],
    },
    "purple": {
        "en": ["a purple mood", "purple haze over the photo", "I want a purple tint", "make the photo purplish"],
        "zh": ["紫紫的", "梦幻紫色", "给照片加紫色滤镜", "整体偏紫一些"],
    },
    "brighter": {
        "en": ["the image is too dim, brighten it up", "way too dark, more light!", "it's so dark, can you lighten it?", "please raise the brightness"],
        "zh": ["亮度太低，变亮", "太黑了，看不清，亮点", "照片太暗，帮我提亮", "再亮一些"],
    },
    "darker": {
        "en": ["it should be darker, like at night", "too bright for my eyes, darken", "please lower the brightness", "make it quite a bit darker"],
        "zh": ["太刺眼了，暗点", "像晚上一样暗", "照片太亮，帮我压暗", "再暗一些"],
    },
    "contrast": {
        "en": ["boost: much more contrast", "the picture looks flat, needs contrast", "crank up the contrast", "I need it with higher contrast"],
        "zh": ["对比度拉满", "画面太平了，加对比", "增强一下对比度", "明暗对比再强一点"],
    },
    "vivid": {
        "en": ["make colours vivid and vibrant", "the colors are dull, make them pop", "I need richer, more saturated colors", "more saturation please, it looks pale"],
        "zh": ["颜色太淡了，鲜艳点", "色彩要饱满鲜艳", "增强一下饱和度", "让颜色更鲜艳一点"],
    },
    "mosaic": {
        "en": ["like a mosaic of big pixels", "make it look like an old 8-bit video game", "pixelate the whole photo", "turn this picture into pixel art"],
        "zh": ["像老游戏一样的像素", "全图打码", "做成像素风格的画", "给整张图加马赛克"],
    },
    "blur": {
        "en": ["blur everything", "as seen without my glasses, blurry", "Blur this photo", "a soft gaussian blur over all of it"],
        "zh": ["整体模糊掉", "像没对上焦一样模糊", "把照片弄模糊", "加一点高斯模糊"],
    },
    "frame": {
        "en": ["Put a white frame around the photo", "add a thin white border", "I'd like it framed in white", "a white border, like a polaroid"],
        "zh": ["给照片加一个白色相框", "四周加上白边", "加一圈白色边框", "像拍立得那样的白边"],
    },
    "same": {
        "en": ["keep it, no change", "leave everything exactly like before", "don't change a thing", "give me back the same photo"],
        "zh": ["原来什么样就什么样", "千万别改", "保持原图", "什么都不要改动"],
    },
    "blend": {
        "en": ["blend the two pictures together", "put both photos on top of each other", "a double exposure of both photos", "mix picture 1 and picture 2"],
        "zh": ["两张照片合在一起", "让图1和图2融为一体", "把两张图混合起来", "两张图做双重曝光"],
    },
}
LORA_HAND_WRITTEN = {
    "pencil": {
        "en": ["make it look like a pencil drawing", "turn this photo into a pencil sketch", "could an artist sketch this for me?", "as if I had drawn it with a pencil"],
        "zh": ["把图片变成铅笔素描", "画成素描", "做成铅笔画的效果", "像用铅笔画出来的一样"],
    },
}
UNKNOWN_HELD_OUT = {
    "en": [
        "add a hat to the cat", "remove the background", "put an umbrella in her hand", "replace the coffee with tea",
        "make the temple taller", "give the cat wings", "write 'sale' on the sign", "a dragon flying over the city",
        "can you make him laugh?", "draw a spaceship above the trees", "make the car red", "what time is it?",
        "let the dog run on the beach", "change the wallpaper to stripes", "show the other side of the building",
        "put sunglasses on the astronaut", "turn the cup into a bowl of soup", "add a second moon", "what is the capital of France?",
        "make the girl's jacket green",
    ],
    "zh": [
        "给猫加一顶帽子", "去掉背景", "把咖啡换成茶", "让她手里拿一把伞", "天空中画一条龙", "把门变成红色的", "现在几点了",
        "让狗在海滩上跑", "给房子加一个烟囱", "把人物换成机器人", "请写一首诗", "在树上挂灯笼", "删除右边的行人",
        "让男孩跳起来", "换一个发型", "给宇航员戴墨镜", "把杯子换成碗", "天上再加一个月亮", "法国的首都是哪里", "把女孩的外套变成绿色",
    ],
}
