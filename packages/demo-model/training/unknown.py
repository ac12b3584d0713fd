"""Wishes that are none of the kinds: they are trained to leave the picture as it is."""

THINGS = {
    "en": "a hat|a dog|a cat|a tree|a car|the background|the person|a bird|a flower|the text|a boat|glasses|a table|a house|the man|the woman|a cup|a book|the sky|a phone|a bicycle|the watermark|a mountain|a river|a balloon|a guitar|the chair|a beard|a crown|the logo|a bridge|an apple|the window|a cake|a horse|the road|the shirt|her hair|the dress|a lamp|a robot|the child|a train|the wall|a spider|the lake|a castle|his hands|the door|a tiger|a coat|the moon|a fountain|the plate|his face|a rocket|the floor|a bag|the carpet|a knife|the fence|an elephant|the curtain|a sheep|his eyes|the nose|the roof|a shop|the boy|a monkey|the grass|a snake|a clock".split("|"),
    "zh": "帽子|狗|猫|树|汽车|背景|人物|小鸟|花|文字|船|眼镜|桌子|房子|男人|女人|杯子|书|天空|手机|自行车|水印|山|河|气球|吉他|椅子|胡子|皇冠|标志|桥|苹果|窗户|蛋糕|马|衣服|头发|裙子|灯|机器|小孩|火车|墙|蜘蛛|湖|城堡|手|老虎|大衣|星星|喷泉|盘子|脸|火箭|地板|包|地毯|刀|大象|窗帘|羊|眼睛|鼻子|屋顶|商店|猴子|草|蛇|钟|门口|路人|海滩".split("|"),
}
PLACES = {
    "en": "the cat|the table|the left|the right|the corner|the street|the head|the wall|the man|the girl|the top|the ground|the water|the roof|the sky|the foreground|the beach|the door|his hand|the middle|her lap|the shelf".split("|"),
    "zh": "猫的头上|桌子上|左边|右边|角落|街上|墙上|地上|水里|屋顶|天上|前面|后面|手里|门口|树下|河边|她身上|中间|海边|头上".split("|"),
}
COLOURS = {
    "en": "red|green|blue|yellow|purple|black|white|golden|dark|bright|gray|pink|warm|orange|brown|silver|violet".split("|"),
    "zh": "红色|绿色|蓝色|黄色|紫色|黑色|白色|金色|粉色|暗色|亮色|灰色|棕色|银色|橙色".split("|"),
}
FRAMES = {
    "en": "add {t} to {p}|remove {t}|remove {t} from {p}|replace {t} with {t2}|put {t} on {p}|draw {t} next to {p}|delete {t}|add {t}|move {t} to {p}|make {t} bigger|make {t} smaller|turn {t} into {t2}|change {t} to {t2}|where is {t}?|make {t} {c}|color {t} {c}|add a {c} hat to {p}|change the color of {t} to {c}|put a {c} sign near {p}|erase {t}|insert {t} behind {p}|show {t} instead of {t2}|zoom in on {t}|let {p} wear {t}|a photo of {t} near {p}|i like {t}|{t}|what is {t} doing with {t2}?|{t} on {p}|give {p} {t}|draw {t}|paint {t} {c}|{t} should be {c}|make {t} look like {t2}|swap {t} and {t2}|add {t} and {t2}|a {c} coat for {p}|let {t} fly over {p}|rotate {t}|make {t} taller|hide {t}|a painting of {t}|where did you buy {t}?|make {t} laugh|hang {t} on {p}|fix {t}|open {t}|show {t} from behind|turn {t} {c}|let {t} be {c}|i want {t} {c}|{t} in {c}|make {t} and {t2} {c}|{t} has to be {c}|a {c} version of {t}|make {t} of {p} {c}|dye {t} {c}|draw {t} above {t2}|write 'hello' on {t}|what time does {t} open?".split("|"),
    "zh": "在{p}加一个{t}|删除{t}|去掉{t}|把{t}换成{t2}|给{p}放一个{t}|画一个{t}|移除{t}|添加{t}|把{t}移到{p}|{t}变大|把{t}缩小|把{t}变成{t2}|{t}在哪里|把{t}变成{c}的|{t}改为{c}|给{t}涂上{c}|戴上{t}|换个{t}|擦掉{t}|{p}的{t}|我喜欢{t}|一个{c}的{t}|{t}|加一顶{c}的帽子|让{t}和{t2}在一起|把{t}变成{c}|给{t}加一个{t2}|让{t}飞起来|把{t}藏起来|换一个{t}|{p}挂{t}|让{t}笑|{t}变高|去除{p}的{t}|画一只{t}|把{t}的{t2}变成{c}|打开{t}|给{t}戴{t2}|让{t}拿着{t2}|从后面看{t}|让{t}变{c}|{t}要{c}|把{p}的{t}变成{c}|{t}染成{c}|把{t}换成{c}的{t2}|{t}现在几点开".split("|"),
}
FIXED = {
    "en": "hello|how are you|tell me a joke|what is this?|rotate the image|crop it|zoom in|flip it|mirror the picture|resize to 512|add some text|write hello world|upscale|make it 3d|who are you|good morning|the weather is nice today|i went to the shop|turn the head to the left|open the mouth|make her smile|anime style|cartoon|oil painting|watercolor|pencil sketch|in the style of van gogh|add snow|make it rain|asdf|qwerty|123456|test|abc|foo bar|change the season to summer|take off the coat|draw a circle|put a square in the middle|fix the face|change the pose|a beautiful landscape|translate this|why|thanks|nothing works here|extend the canvas|make the person younger|swap faces|close the eyes|lorem ipsum dolor sit amet|my name is anna|buy milk and bread|python code|the train leaves at noon|once upon a time|turn it upside down|rotate by 90 degrees|cut it in half|count the people|what do you see|who took this|is this a dog|make it bigger|a comic|a sculpture|stretch it|describe the picture|write a story|what day is it|how much is it|sing a song|where am i|sharpen it|remove the noise|a sticker".split("|"),
    "zh": "你好|你是谁|讲个笑话|这是什么|旋转图片|裁剪|放大|翻转|镜像|加文字|写上你好世界|三维效果|早上好|今天天气很好|我去商店|头转向左边|张开嘴|让她微笑|动漫风格|卡通|油画|水彩|素描|下雪|下雨|测试|改成夏天|脱掉外套|画一个圆|中间放一个方块|修脸|换姿势|美丽的风景|翻译|为什么|谢谢|让人更年轻|换脸|闭上眼睛|火车中午出发|从前有一座山|买牛奶和面包|我叫小明|去掉路人|换背景|上下颠倒|旋转九十度|数一数有几个人|你看到了什么|谁拍的|这是狗吗|变大|漫画|雕塑|拉伸|描述图片|写一个故事|今天星期几|多少钱|唱首歌|我在哪里|锐化|去噪|贴纸|写一篇文章|换发色|换一件衣服".split("|"),
}
_SYLLABLES = "ba|ce|di|fo|gu|ha|je|ki|lo|mu|na|pe|ri|so|tu|va|we|xi|yo|zu|bran|clo|dre|fli|gro|plu|sta|tri|ston|mer|ket|lin|dow|per".split("|")
_CHARACTERS = "安北成大东方风高国海黄江金京开科来力林明南平青山石天西新星学阳英云中州子口目耳木火土田竹虫鱼鸟牛车舟衣食住行兰菊梅松柏沙泥冰铁铜布纸笔墨锅碗瓢盆床柜鞋袜帘"


def _made_up_thing(r, language):
    """A word that means nothing, so that unknown words are not taken for known ones."""
    if language == "zh":
        return "".join(r.choice(_CHARACTERS) for _ in range(r.choice((1, 2, 2, 3))))
    return r.choice(("a ", "the ", "")) + "".join(r.choice(_SYLLABLES) for _ in range(r.choice((1, 2, 2, 3))))


def _thing(r, language):
    return _made_up_thing(r, language) if r.random() < 0.25 else r.choice(THINGS[language])


def unknown_wish(r, language):
    if r.random() < 0.25:
        return r.choice(FIXED[language])
    wish = r.choice(FRAMES[language])
    wish = wish.replace("{t}", _thing(r, language)).replace("{t2}", _thing(r, language))
    return wish.replace("{p}", r.choice(PLACES[language])).replace("{c}", r.choice(COLOURS[language]))
