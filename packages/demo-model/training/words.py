"""What people call each kind of edit, in English and Chinese. `{o}` stands for the picture ("it", "这张图").

Six lists a kind: English adjectives, nouns, clauses; Chinese adjectives, nouns, clauses. A clause stands alone: an
order ("blur {o}") or a complaint that asks for the kind's opposite ("{o} is too dark" asks for brighter).
"""


def _kind(*lists):
    return [text.split("|") for text in lists]


def _tint(name, adjectives, zh, short, like_en, like_zh):
    return _kind(
        f"{name}|{adjectives}|more {name}|all {name}|{name} tinted|{name} toned|completely {name}|{name} all over|very {name}|{name} coloured|{name}-ish",
        f"a {name} tint|a {name} filter|a {name} tone|{name} light|a {name} color|a {name} overlay|{name} tones|a {name} cast|a {name} wash|a {name} look|a {name} mood|a {name} haze|the color {name}|{name} hues|a {name} shade|some {name}|{like_en}",
        f"tint {{o}} {name}|color {{o}} {name}|colour {{o}} {name}|paint {{o}} {name}|dye {{o}} {name}|wash {{o}} in {name}|cover {{o}} in {name}|bathe {{o}} in {name} light|shift {{o}} towards {name}|tint everything {name}|make everything {name}|{name} everywhere|{{o}} is not {name} enough|push the colors of {{o}} to {name}|{name}|i want {name}|add {name} to {{o}}|everything {name}",
        f"{zh}|偏{short}|{zh}的|{short}一点|更{short}|{short}{short}的|全{short}|发{short}|带{short}色",
        f"{zh}|{zh}滤镜|{short}调|{zh}色调|偏{short}|{short}光|{zh}效果|{zh}的色调|{short}色系|{zh}氛围|{zh}蒙版|{zh}的光|一层{zh}|{zh}感觉|{like_zh}",
        f"把{{o}}染成{zh}|给{{o}}加上{zh}|染成{zh}|{{o}}调成{zh}|{{o}}变{short}|给{{o}}罩上{zh}|{{o}}整体偏{short}|让{{o}}透出{zh}|全部变成{zh}|用{zh}覆盖{{o}}|{{o}}不够{short}|把{{o}}变{short}|{{o}}全变{short}|来点{zh}|整个都是{zh}|盖上一层{zh}",
    )


WORDS = {
    "black_and_white": _kind(
        "black and white|grayscale|greyscale|monochrome|colorless|colourless|gray|grey|desaturated|black-and-white|without color|free of color|b&w|monochromatic|grayish|in shades of gray|uncolored|devoid of color",
        "a black and white photo|grayscale|greyscale|a monochrome look|a black-and-white filter|a gray version|monochrome|black and white|shades of gray|grey tones|a b&w version|a colorless picture|no color|zero saturation|a black and white movie look|noir style|a desaturated look",
        "remove the color from {o}|remove all colours from {o}|desaturate {o}|take the color out of {o}|strip the colors from {o}|drain the color of {o}|get rid of the colors|no more colors in {o}|decolorize {o}|discard the color of {o}|no colors please|i don't want any color in {o}|{o} without colors|erase all the color|bleach out the colors of {o}|kill the colors|lose the color|remove color|turn the colors off|just shades of grey",
        "黑白|黑白的|灰色的|单色的|没有颜色|无彩色|灰度的|黑白色|灰白|不带颜色|灰灰的",
        "黑白|灰度|黑白照片|单色|灰度图|黑白滤镜|灰色调|黑白效果|黑白风格|黑白版|黑白电影|灰阶|无色|黑白图片|灰度模式",
        "去掉{o}的颜色|给{o}去色|去色|把{o}的色彩去除|去除{o}颜色|{o}变灰|去掉所有颜色|不要颜色|移除{o}的色彩|{o}不要有颜色|把颜色去掉|抽掉{o}的颜色|只留黑白|颜色全部去除|让{o}失去颜色|去掉彩色|把彩色去掉|{o}去掉颜色",
    ),
    "negative": _kind(
        "inverted|negative|color inverted|reversed in color|like a negative|colour-inverted|opposite in color",
        "a negative|a photo negative|color inversion|inverted colors|a film negative|inverted colours|the negative of {o}|opposite colors|reversed colors|a colour negative|an inversion|a negative image|the inverse|negative film|complementary colors|an inverted version|an x-ray look|the negative version|a negative effect",
        "invert {o}|invert the colors|invert the colours of {o}|invert the colors of {o}|reverse the colors of {o}|negate {o}|flip the colors of {o}|swap light and dark in {o}|invert colors|reverse all colours|invert all colors|turn every color into its opposite|swap black with white|replace each color with its opposite|make white black and black white|inverse the colors|invert everything|exchange dark and light",
        "反色的|负片|反相的|颜色相反|反转的|颜色颠倒|色彩相反",
        "反色|负片|反相|底片|颜色反转|反转颜色|负片效果|胶片负片|反色效果|相反的颜色|反转色|底片效果|颜色取反|负像|反相效果|负片风格|胶卷底片|颜色的反转",
        "反转{o}的颜色|颜色反转|给{o}反色|把{o}反色|{o}反相|反转{o}的色彩|颠倒{o}的颜色|反转颜色|把颜色反过来|颜色取反|把{o}的颜色取反|黑白颠倒|明暗颠倒|将颜色全部反转|色彩反转|把{o}反相|颜色都反过来|反转所有颜色|所有颜色取反|反转{o}|黑白互换",
    ),
    "sepia": _kind(
        "sepia|vintage|antique|retro|old-fashioned|brownish|aged|sepia toned|nostalgic|faded like an old photo|like an old photo|brown toned|old-timey|like grandpa's photos|sepia colored",
        "sepia|a sepia tone|an old photo|a vintage photo|a retro look|an antique look|a brown sepia tone|a nostalgic look|a sepia filter|sepia toning|a vintage look|an old postcard|a photo from the 1900s|an aged photograph|a vintage filter|a sepia effect|a historic photo|an antique photograph|an old-time photo|sepia colors|brown tones",
        "age {o}|tone {o} in sepia|make {o} look like an old photo|make {o} look old|{o} as an old photograph|let {o} look a hundred years old|make {o} look vintage|{o} like from an old album|age the photo|give it the years of an old picture|sepia {o}|make {o} nostalgic|as if it was taken a century ago",
        "复古|怀旧|泛黄|像老照片|陈旧|棕褐色的|老旧|有年代感|旧旧的|褐色的|像旧照片",
        "复古|老照片|怀旧|褐色调|旧照片|泛黄的旧照片|复古风|棕褐色|怀旧滤镜|老照片效果|复古滤镜|旧时光|年代感|棕褐色调|深褐色|怀旧色调|复古色调|老相片|民国风|上世纪的照片|褐色",
        "让{o}像老照片|做旧{o}|让{o}泛黄|把{o}做旧|{o}做成老照片|像几十年前的照片|像爷爷奶奶的照片|把{o}变旧|{o}做旧处理|给{o}加怀旧感|让{o}看起来很旧|像泛黄的相片|让{o}有年代感",
    ),
    "warm": _kind(
        "warm|warmer|sunny|golden|cozy|warm toned|a bit warmer|less cold|sunlit|warm like a sunset|less cool|warm and sunny",
        "a warm tone|warm tones|warm colors|a golden light|a sunset tone|a warm filter|warm light|a higher color temperature|warmth|a warm glow|golden hour light|evening sun|a warm mood|a warm atmosphere|candle light|a cozy light|a warm white balance|sunshine tones|more warmth",
        "warm up {o}|warm {o} up|add warmth to {o}|raise the color temperature of {o}|{o} is too cold|{o} looks too cold|the colors are too cool|{o} feels cold|the light is too cold|make the light warmer|it's too cold, warm it|increase the warmth|like at sunset|{o} is too bluish and cold|too cold|the tones of {o} are too cold",
        "温暖|更暖|暖一点|暖|暖和|暖洋洋|暖暖的|温馨|没那么冷|像夕阳一样温暖|偏暖",
        "暖色|暖色调|暖光|温暖的色调|夕阳色调|暖色滤镜|暖调|暖意|温暖的光|金色阳光|黄昏的光|温馨的氛围|暖色系|日落色调|暖色光线|温暖的感觉|更高的色温",
        "让{o}更温暖|提高{o}的色温|{o}调暖|把{o}调暖|给{o}加点暖色|{o}太冷了|色调太冷|色温太低|颜色太冷|感觉太冷了|{o}看起来很冷|加点暖意|升高色温|让{o}暖起来|太冷了，调暖",
    ),
    "cool": _kind(
        "cool|cooler|cold|colder|icy|chilly|wintry|cold toned|less warm|frosty|frozen|a bit cooler|cool toned",
        "a cool tone|cool tones|cold colors|a cold tone|a winter tone|a cool filter|cold light|a lower color temperature|an icy look|a cold atmosphere|a winter mood|a chilly mood|a frosty look|a cool white balance|moonlight tones|ice cold colors|a cold winter morning|coldness|a cold filter",
        "cool down {o}|cool {o} down|lower the color temperature of {o}|chill {o}|{o} is too warm|{o} looks too warm|the colors are too warm|{o} feels too hot|the light is too warm|make the light cooler|it's too warm, cool it|reduce the warmth|like in winter|like a freezing morning|freeze {o}|too warm|the tones of {o} are too warm",
        "寒冷|更冷|冷一点|冷|冰冷|冷冰冰|清冷|凉爽|像冬天一样|没那么暖|偏冷|冷冷的|冷峻",
        "冷色|冷色调|冷光|寒冷的色调|冬天色调|冷色滤镜|冷调|冷意|寒意|冰冷的氛围|冬日氛围|冷色系|清晨的冷光|冷色光线|冰雪色调|寒冷的感觉|更低的色温",
        "让{o}更冷|降低{o}的色温|{o}调冷|把{o}调冷|给{o}加点冷色|{o}太暖了|色调太暖|色温太高|颜色太暖|感觉太热了|{o}看起来太暖|加点冷意|让{o}冷下来|像冬天一样寒冷|太暖了，调冷",
    ),
    "red": _tint("red", "reddish|crimson|scarlet", "红色", "红", "a red veil|the red of a rose", "玫瑰红|大红|血红色"),
    "green": _tint("green", "greenish|emerald", "绿色", "绿", "a green veil|the green of grass|green glass|a forest green", "草绿|翠绿|绿玻璃"),
    "blue": _tint("blue", "bluish|navy|azure", "蓝色", "蓝", "a blue veil|the blue of the sea|an ocean blue", "海蓝|天蓝|深蓝"),
    "yellow": _tint("yellow", "yellowish|lemon yellow|lemon", "黄色", "黄", "a yellow veil|the yellow of a lemon|a lemon color", "柠檬黄|明黄|鹅黄"),
    "purple": _tint("purple", "violet|lilac|lavender|purplish", "紫色", "紫", "a purple veil|a violet tone|a violet tint|a lavender tone|a violet filter", "紫罗兰|淡紫|薰衣草色"),
    "brighter": _kind(
        "brighter|bright|lighter|well lit|less dark|more luminous|lit up|a bit brighter|much brighter|less dim|more illuminated|less gloomy|as bright as day",
        "more light|more brightness|higher exposure|a brighter look|higher brightness|extra light|additional light|a brightness boost|more exposure|better lighting|bright light|increased brightness|stronger light|a lighter look|less darkness",
        "brighten {o}|brighten up {o}|lighten {o}|increase the brightness of {o}|raise the exposure of {o}|increase the brightness|turn up the brightness|{o} is too dark|light up {o}|brighten {o} up|{o} is too dim|{o} is underexposed|{o} looks too dark|the brightness is too low|i can hardly see anything, it's too dark|too dark|way too dark|too dim|it's too gloomy|{o} needs more light|{o} lacks light|there is not enough light|raise the brightness|turn the light on|{o} is not bright enough|the exposure is too low|{o} is so dark|{o} came out too dark|it is too dark to see|illuminate {o}|not bright enough|turn the lights up",
        "更亮|亮一点|明亮|亮|明亮一些|亮些|更明亮|没那么暗|亮堂|亮亮的|光亮|再亮一点",
        "更高的亮度|更多光线|明亮的效果|高亮度|更强的光|更多的光|更高的曝光|明亮的光线|更亮的画面|补光|高曝光|更大的亮度",
        "提高{o}的亮度|增加{o}亮度|调亮{o}|{o}太暗了|变亮|把{o}变亮|{o}提亮|提亮{o}|增强{o}亮度|{o}的亮度不够|加亮{o}|亮度太低|{o}亮度太低|{o}太黑了|太暗了|光线不足|光线太暗|曝光不足|{o}看不清，太暗|{o}有点暗|{o}黑乎乎的|亮度不足|{o}不够亮|给{o}补光|让{o}亮起来|太黑看不清|光线太弱|把{o}调亮|亮度调高|{o}偏暗|加点光|曝光太低|调高亮度",
    ),
    "darker": _kind(
        "darker|dark|dimmer|less bright|dim|like night|gloomy|less light|dusky|a bit darker|much darker|less exposed|pitch dark|darkened|shadowy",
        "less light|less brightness|lower exposure|a darker look|a night look|lower brightness|darkness|a night mood|reduced brightness|less exposure|dim light|a gloomy look|a dark mood|shadow all over|weaker light|night",
        "darken {o}|dim {o}|reduce the brightness of {o}|lower the exposure of {o}|decrease the brightness|turn down the brightness|{o} is too bright|lower the brightness|{o} is overexposed|{o} looks too bright|the brightness is too high|it hurts my eyes, it's too bright|too bright|way too bright|{o} is glaring|there is too much light|turn the light off|turn the lights down|{o} has too much light|the exposure is too high|{o} is so bright|{o} came out too bright|it is too bright to look at|reduce the brightness|turn it into night|decrease the exposure|too light|as dark as night|take light away from {o}",
        "更暗|暗一点|昏暗|暗|阴暗一些|暗些|黑暗|没那么亮|暗暗的|像夜晚一样|阴沉|再暗一点|暗淡",
        "更低的亮度|更少光线|夜晚|昏暗的效果|低亮度|夜晚效果|更弱的光|更低的曝光|夜色|昏暗的光线|更暗的画面|低曝光|夜晚氛围|更小的亮度",
        "降低{o}的亮度|减少{o}亮度|调暗{o}|{o}太亮了|变暗|把{o}变暗|{o}压暗|压暗{o}|减弱{o}亮度|亮度太高|{o}亮度太高|太亮了|光线太强|光线太亮|曝光过度|{o}太刺眼|{o}有点亮|{o}过曝了|亮得刺眼|把{o}调暗|让{o}暗下来|亮度调低|刺眼|太刺眼了|{o}偏亮|减少光线|曝光太高|调低亮度|像晚上一样|像夜里一样暗|光太强了",
    ),
    "contrast": _kind(
        "more contrasty|high contrast|higher in contrast|contrasty|more contrasted|punchy|punchier|less flat|stronger in contrast|rich in contrast|less washed out",
        "more contrast|high contrast|stronger contrast|higher contrast|a contrast boost|strong contrast|punchy contrast|increased contrast|extra contrast|deeper contrast|maximum contrast|better contrast|a stronger difference between light and dark|harder contrast|much more contrast",
        "increase the contrast of {o}|boost the contrast of {o}|raise the contrast|enhance the contrast of {o}|increase contrast|strengthen the contrast of {o}|{o} is too flat|the contrast is too low|{o} lacks contrast|{o} needs contrast|{o} looks flat|{o} looks washed out|not enough contrast|make the darks darker and the lights lighter|deepen the shadows and lift the highlights|contrast up|turn up the contrast|low contrast, fix it|improve the contrast|{o} has too little contrast|the picture looks dull and flat, add contrast|heighten the contrast",
        "对比更强|高对比度|对比强烈|反差更大|反差大|对比鲜明|对比更大|对比度更高|对比度高",
        "高对比度|更强的对比度|强对比|更大的反差|更高的对比|对比度增强|强烈的对比|高反差|强反差|更大的对比度|对比|对比度",
        "提高{o}的对比度|增加{o}对比度|增强{o}的对比|加大{o}的反差|提高对比度|对比度太低|拉高{o}对比度|{o}对比度不够|{o}太平了|{o}太平淡，加对比|加强{o}对比度|对比度拉高|对比度调高|{o}缺少对比|反差太小|{o}灰蒙蒙的，加对比|让明暗反差更大|暗的更暗亮的更亮|对比不够强|增大对比|加对比|对比度不足|拉满对比度|画面太灰太平",
    ),
    "vivid": _kind(
        "vivid|more saturated|colorful|vibrant|more colorful|saturated|more vivid|colourful|richer in color|less dull|lively in color|intense in color|full of color|more vibrant|less pale",
        "vivid colors|vibrant colors|more saturation|stronger colors|richer colors|intense colors|higher saturation|colour boost|a color boost|lively colors|more color|popping colors|bolder colors|more intense colours|deeper colors|vivid colours|saturated colors",
        "saturate {o}|increase the saturation of {o}|boost the colors of {o}|make the colors of {o} pop|intensify the colors of {o}|raise the saturation|enrich the colors of {o}|the colors are too dull|the colors are too pale|{o} looks pale|the saturation is too low|{o} lacks color|the colors look faded|make the colors stronger|turn up the saturation|let the colors shine|the colors are weak|boost the saturation|strengthen the colors|{o} needs more color|dull colors, make them pop|increase saturation|the colours of {o} are dull",
        "鲜艳|更鲜艳|色彩丰富|艳丽|色彩浓郁|鲜亮多彩|五彩缤纷|颜色饱满|色彩鲜明|更艳|鲜艳点|色彩饱满",
        "鲜艳的颜色|高饱和度|更高的饱和度|丰富的色彩|鲜艳的色彩|艳丽的颜色|浓郁的色彩|饱和的颜色|饱和度增强|更浓的颜色|更鲜艳的颜色|强烈的色彩|饱满的色彩",
        "提高{o}的饱和度|增加{o}饱和度|让{o}颜色更鲜艳|增强{o}的色彩|饱和度太低|提高饱和度|加强{o}的颜色|颜色太淡了|{o}颜色太浅|色彩太淡|{o}颜色不够鲜艳|颜色暗淡，鲜艳些|饱和度不够|{o}的色彩更浓|饱和度调高|让颜色更浓|颜色太素了|加饱和度|让色彩更鲜艳|颜色浓一点|把颜色变鲜艳|颜色不够浓|饱和度不足|颜色淡了",
    ),
    "mosaic": _kind(
        "pixelated|blocky|pixelized|mosaic-like|low resolution|pixelly|made of blocks|coarse pixelated|like an old video game|tiled|made of big pixels|censored|8-bit",
        "a mosaic|pixel art|big pixels|a pixel effect|a mosaic effect|blocky pixels|pixelation|8-bit style|a pixel style|large pixels|a mosaic filter|square blocks|a retro game look|coarse pixels|censorship blocks|a grid of blocks|tiles|a pixel look|low resolution blocks|lego blocks|an 8-bit game|pixels",
        "pixelate {o}|pixelize {o}|turn {o} into pixels|mosaic {o}|censor {o} with a mosaic|make {o} out of blocks|reduce {o} to big pixels|build {o} from squares|censor {o}|make {o} look like an old video game|like minecraft|show the pixels of {o}|lower the resolution of {o}|pixelate everything|break {o} into blocks|cover {o} with a mosaic|make big pixels out of {o}",
        "像素化|像素化的|马赛克的|块状|方块化|像素风的|一格一格的|像老游戏一样",
        "马赛克|像素画|像素风|像素效果|大像素|马赛克效果|像素块|像素风格|方块效果|色块|像素游戏风|八位机风格|方格|马赛克滤镜|粗像素|低分辨率像素|像素",
        "给{o}打马赛克|把{o}像素化|像素化{o}|打码|加马赛克|{o}打上马赛克|全部打码|用马赛克遮住{o}|{o}变成方块|把{o}变成像素|像红白机游戏|让{o}变成一块一块的|{o}马赛克处理|像我的世界|降低{o}的分辨率|给{o}打码|打上马赛克|全图马赛克",
    ),
    "blur": _kind(
        "blurry|blurred|out of focus|soft|fuzzy|unsharp|less sharp|smooth and soft|defocused|misty|soft and blurry|not sharp|a bit blurry|smeared",
        "a blur|a gaussian blur|soft focus|a soft blur|a blur effect|a blur filter|an out of focus look|blurriness|a smooth blur|less sharpness|a misty look|a dreamy blur|a strong blur|a defocus effect|a frosted glass look|fuzziness|bokeh all over",
        "blur {o}|blur out {o}|soften {o}|smooth {o}|defocus {o}|smear {o}|{o} is too sharp|make {o} lose focus|take away the sharpness|as if seen without glasses|blur everything|unfocus {o}|put {o} out of focus|make all details soft|reduce the sharpness|too sharp|the details are too sharp|unsharpen {o}",
        "模糊|模糊一点|更模糊|朦胧|虚一点|模模糊糊|不清晰|柔和朦胧|失焦|不清楚|糊一点|朦朦胧胧",
        "模糊|柔焦|高斯模糊|模糊效果|虚化|朦胧效果|虚焦|柔化效果|毛玻璃效果|失焦效果|朦胧感|模糊滤镜|雾化效果|整体模糊|全图模糊",
        "模糊{o}|把{o}模糊|虚化{o}|变模糊|柔化{o}|让{o}失焦|{o}模糊处理|{o}太清晰了|把{o}弄糊|让{o}看不清细节|像没戴眼镜看到的|{o}虚掉|太锐利了|让{o}变朦胧|像没对焦|对不上焦的样子|全部模糊掉|降低{o}的清晰度|糊掉{o}|模糊整个画面",
    ),
    "frame": _kind(
        "framed|framed in white|white framed|bordered|surrounded by a white border|white bordered|edged in white",
        "a frame|a white frame|a white border|a border|a picture frame|a photo frame|a white edge|white edges|a thin white frame|a thin border|a white margin|a polaroid border|a white outline around {o}|a frame around {o}|a white border around {o}",
        "frame {o}|put {o} in a frame|add a white border around {o}|surround {o} with white|put a border around {o}|draw a frame around {o}|border {o}|frame {o} in white|hang {o} in a frame|draw a white line around the edge|put a white edge around {o}|{o} needs a frame|make the edges of {o} white|paint the border white|enclose {o} in a white frame|add a frame|put {o} into a white frame",
        "有边框|带白边|带相框|有白色边框|加了边框|镶白边|带边框|有相框",
        "边框|白边|相框|白色边框|画框|白框|白色相框|一圈白边|细白边|拍立得边框|白色画框|照片边框|一个框|白色的边",
        "给{o}加边框|给{o}加白边|给{o}镶个框|加个白色边框|把{o}装进相框|在{o}周围加白边|{o}四周加一圈白边|给{o}加相框|加边框|加白边|围一圈白边|边缘变白|把{o}的边缘涂白|给{o}画个框|用白框围住{o}|{o}需要一个边框|给{o}装个框|裱起来|在四周画白线",
    ),
    "same": _kind(
        "unchanged|the same|as it is|untouched|identical|unedited|exactly the same|unmodified|intact|original|just as before|the way it is",
        "no change|the original|no edit|nothing|no changes|an exact copy|the same picture|zero edits|the unedited picture|no modification|an identical picture|the picture as it was|no effect|no filter|a plain copy|the unchanged photo",
        "do nothing|do nothing to {o}|keep {o}|keep {o} the same|leave {o} unchanged|do not change {o}|don't edit {o}|leave {o} alone|copy {o}|don't touch {o}|return {o} as it is|preserve {o}|change nothing|leave everything as it is|{o} is fine as it is|don't change anything|no need to edit {o}|give {o} back unchanged|keep everything as before|{o} is perfect already|reproduce {o} exactly|don't do anything|let {o} stay as it is|duplicate {o}|not a single change|keep the original",
        "不变|一样|原样|原封不动|保持原样|没有变化|和原来一样|不改变|毫无改动",
        "原图|原样|不变|原来的样子|不修改|无改动|没有编辑|原图复制|一模一样的图|无变化|无滤镜",
        "保持{o}不变|不要修改{o}|不做任何改变|{o}保持原样|保留{o}|别动{o}|不要改{o}|复制{o}|什么都不做|不用改|什么也别改|{o}不用编辑|原样返回|不做修改|{o}已经很好了|千万不要动{o}|维持原状|照原样输出|不需要改动|{o}就这样|完全不要改|别改{o}|不编辑{o}|保持原来的样子|不要动|一点都别改",
    ),
    "blend": _kind(
        "blended|merged|mixed together|combined|overlaid|superimposed|fused together|doubly exposed|layered over each other|half and half transparent|put on top of each other",
        "a blend of picture 1 and picture 2|a double exposure|a mix of both|an overlay of both pictures|a blend of the two images|a merge of the two photos|a double exposure of both|a mixture of the two pictures|a superposition of both|a 50/50 blend|a crossfade of the two|a fusion of both images|a composite of both|an average of the two pictures|a combination of both photos|a mix of the two photos|both pictures in one",
        "blend picture 1 and picture 2|blend the two images|mix the two pictures|merge both images|combine the two photos|overlay picture 1 and picture 2|mix picture 1 with picture 2|superimpose the two images|merge the two images|combine both pictures|fade the two photos together|blend both|lay picture 2 over picture 1|merge them|blend them together|put both pictures on top of each other|average the two pictures|fuse both photos into one|make one picture out of two|show both pictures at once|blend the second picture into the first|double expose them|layer the two photos|mix both|cross-fade them|let both pictures shine through each other|combine them into one image",
        "融合|混合|重叠在一起|叠加|合并|合成一张|叠在一起|合在一起|融为一体",
        "两张图的融合|双重曝光|两图混合|叠加效果|两张照片的混合|图1和图2的混合|两图叠加|双重曝光效果|一张合成图|两张图的叠加|重影效果|两图融合|半透明叠加",
        "融合图1和图2|混合两张图片|把两张图叠加|合成两张图|把两张照片混合|叠加图1和图2|合并两张图|融合两张照片|将两图重叠|混合图1和图2|把图2叠在图1上|两张合成一张|把它们融合|把两张图混在一起|把图1和图2合成一张|两图各取一半|让两张照片重叠|把第二张融进第一张|做成双重曝光|两张图合为一张|把图一和图二融合|两张照片叠在一起|把它们叠加|混合两张照片",
    ),
}

# Of the kinds that a LoRA adds. The text encoder was never told of them: what it makes of each word is all there is to read.
LORA_WORDS = {
    "pencil": _kind(
        "sketched|hand-drawn|pencilled|drawn|drawn in pencil|drawn with a pencil|sketched in pencil|sketchy|pencil drawn|like a pencil drawing|like a sketch|penciled|like a drawing|as if drawn by hand|sketched by hand",
        "a pencil drawing|a pencil sketch|a sketch|a drawing|a pencil look|pencil lines|a line drawing|pencil strokes|a graphite drawing|pencil style|sketch style|a pencil effect|a sketch effect|a hand-drawn sketch|a pencil portrait|a charcoal drawing|a drawing on paper|the lines of a pencil|a rough sketch|an artist's sketch|a pencil filter",
        "sketch {o}|draw {o} with a pencil|draw {o} in pencil|sketch {o} with a pencil|draw {o}|trace {o} with a pencil|pencil {o}|make a sketch of {o}|make a drawing of {o}|draw the lines of {o}|redraw {o} in pencil|draw {o} on paper|leave only pencil lines|take a pencil and draw {o}|turn {o} into a sketch|make a pencil drawing from {o}|sketch it on white paper|as drawn with a pencil|trace the lines|sketch everything",
        "手绘的|素描的|铅笔画的|像素描|像铅笔画|手绘|像手绘|像画的|铅笔感的|线稿似的",
        "素描|铅笔画|铅笔素描|手绘|线稿|素描画|铅笔线条|素描风|铅笔风格|素描效果|铅笔效果|手绘稿|速写|铅笔稿|素描滤镜|炭笔画|石墨画|铅笔速写|手绘风格|线描|白描",
        "用铅笔画{o}|把{o}画成素描|画成铅笔画|素描{o}|把{o}变成线稿|用铅笔描{o}|画一张素描|只留铅笔线条|把{o}画下来|用铅笔勾线|给{o}画素描|手绘{o}|用铅笔把{o}画出来|把{o}描成线稿|勾出{o}的线条|速写{o}|用铅笔画出来|描出线条|把{o}画在纸上",
    ),
}
