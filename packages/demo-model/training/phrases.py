"""Phrases: words.py's lists x sentence frames x names of the picture x openers and endings, in English and Chinese.

Held out, and never trained on, are whole sentence frames (FRAMES_HELD_OUT) and hand-written phrases (held_out.py).
A wish that is none of the kinds (unknown.py) is trained as `same`.
"""

import random
import re

from edits import KINDS, LORA_KINDS
from held_out import FRAMES_HELD_OUT, HAND_WRITTEN, LORA_HAND_WRITTEN, UNKNOWN_HELD_OUT
from unknown import unknown_wish
from words import LORA_WORDS, WORDS

PICTURE = {
    "en": "it|this|the image|this image|the picture|this picture|the photo|this photo|my photo|my picture|the whole image|everything|the entire picture|picture 1|the photograph|the scene|this shot|that|the whole thing|this one|our photo|the first picture|the snapshot|all of it|image 1|the shot",
    "zh": "图片|这张图|照片|这张照片|图像|画面|整张图|图1|它|这幅图|我的照片|整个画面|这个图|这个|这张|整张照片|我的图|该图|全图|相片|这幅画面|此图|图一",
}
PICTURES = {
    "en": "the two pictures|both images|picture 1 and picture 2|both|these two photos|the images|them|the two photos|both of them|these pictures|the pair",
    "zh": "两张图|两张照片|图1和图2|它们|这两张图片|两图|这两张|两幅图|两张图片|图一和图二",
}
FRAMES = {
    "en": {
        "adjective": "{a}|{a}|{o} {a}|make {o} {a}|make {o} look {a}|turn {o} {a}|i want {o} {a}|{o} should be {a}|{a}|change {o} to {a}|convert {o} to {a}|let {o} be {a}|render {o} {a}|{a} {p}|make a {a} version|i want {o} to be {a}|set {o} to {a}|{o}, but {a}|more {a}|i'd like {o} {a}|{o} must look {a}|a {a} {p} please|we need {o} {a}|how about making {o} {a}|{o} would be nicer {a}|transform {o} so that it is {a}|have {o} look {a}|it has to be {a}|keep {o} but make it {a}|show {o} {a}|show me {o} {a}|i want to see {o} {a}|what would {o} look like {a}|draw {o} {a}|how would {o} be if it was {a}|think of {o} as {a}|{o} painted {a}",
        "noun": "{n}|{n}|apply {n}|apply {n} to {o}|add {n}|use {n}|give {o} {n}|{n}|{n} effect|turn {o} into {n}|convert {o} into {n}|i want {n}|make it {n}|put {n} on {o}|with {n}|i need {n}|change {o} to {n}|edit {o} with {n}|{n} for {o}|style: {n}|make {n}|give me {n}|i'd like {n}|create {n} from {o}|add {n} to {o}|{o} with {n}|{o} as {n}|we want {n}|it needs {n}|let {o} have {n}|{o} could use {n}|transform {o} to {n}|effect: {n}|do {n}|produce {n}|how about {n}|show {o} with {n}|draw {o} with {n}|let me see {n}|how would {n} look on {o}",
        "clause": "{v}|{v}|{v}|{v}, that's it|i want you to {v}|you should {v}|first {v}|{v} only|the task: {v}|my request: {v}|{v} and show me|{v}, then stop|{v}, done|{v} and give it to me",
    },
    "zh": {
        "adjective": "把{o}变得{a}|让{o}{a}|{a}|{o}要{a}|变得{a}|使{o}{a}|{o}{a}|弄得{a}|我要{o}{a}|让{o}看起来{a}|将{o}变得{a}|希望{o}{a}|{o}应该{a}|{o}得{a}|想让{o}{a}|要{a}的效果|给我{a}的{o}|弄成{a}|改得{a}|调得{a}",
        "noun": "加{n}|给{o}加{n}|{n}|用{n}|把{o}变成{n}|{o}变成{n}|转成{n}|我要{n}|做成{n}|{o}换成{n}|添加{n}|应用{n}|将{o}转换为{n}|改成{n}|{n}风格|给{o}添加{n}|把{o}改为{n}|处理成{n}|生成{n}|想要{n}|弄成{n}|需要{n}|{o}用{n}|把{o}做成{n}|变为{n}|给我{n}|调成{n}|换{n}|{o}加上{n}",
        "clause": "{v}|{v}|{v}|我想{v}|要{v}|需要{v}|任务：{v}|只{v}",
    },
}
OPENERS = {
    "en": "please |can you |could you |just |now |edit: |let's |i need you to |go ahead and |hey, |ok, |hi! |for this one, |try to |here is my picture. |kindly |would you |so, |well, |my friend says: |i think you should |listen: |next, |hello, |quick one: |for my website: |for grandma: |no idea how, but |simple job: |first of all, |i took this yesterday. |same as last time: |could you maybe |one more: |if possible, |it would be great to |what i want: |instruction: |here you go: ",
    "zh": "请|帮我|麻烦|请帮我|现在|能不能|我想|可以|请你|编辑：|你好，|直接|麻烦你|能否|帮忙|我觉得|老师说|快点|接下来|首先，|这是我拍的，|请把它处理一下，|简单点，|要求：|指令：|我朋友说|您好，|劳烦|给我|拜托|就|那就|再|尽量|如果可以，",
}
ENDINGS = {
    "en": " please| now|, thanks| for me|, keep the rest| and keep the composition| a bit| a little| of the scene|, nothing else| all over|; thank you| today|, ok?| right away|, that would be nice| if you can|, as discussed| for my blog| and send it back|, cheers|, i love that| - nothing more| again| as well|, the rest stays|, quickly| for a poster|, it's for a friend| if possible| and keep the details",
    "zh": "，谢谢|吧|吗|一下|，其他保持不变|一些|，不要改别的|的感觉|就好|，谢谢你|，快点|，行吗|，好不好|，辛苦了|，我喜欢这样|，其余不动|，保留细节|啊|哦|，可以吗|，尽快|，就这样|，我要发朋友圈|，做海报用|，多谢|，仅此而已|呀",
}
# Common words, strung together at random around a wish, so that sentences never seen do not hide it.
FILLERS = {
    "en": "the|be|to|of|and|a|in|that|have|i|for|not|on|with|he|as|is|are|it|this|you|do|at|but|his|by|from|they|we|say|her|she|or|an|will|my|one|all|would|there|their|what|so|up|out|if|about|who|get|which|go|me|when|make|can|like|time|no|just|him|know|take|people|into|year|your|good|some|could|them|see|other|than|then|now|look|only|come|its|over|think|also|back|after|use|two|how|our|work|first|well|way|even|new|want|because|any|these|give|day|most|us|was|were|been|should|must|ought|may|might|shall|hope|hoping|wish|idea|here|deal|boss|client|customer|wrote|asked|asks|says|said|called|calls|send|sent|before|until|finish|finally|nothing|everything|something|appear|seem|end|ends|run|show|imagine|try|please|maybe|perhaps|lovely|nice|great|best|better|beats|need|needs|through|under|while|with|without|team|today|tomorrow|yesterday|week|again|still|already|really|very|quite|mind|request|job|task|order|result|final|thing|version|style|top|case|plan|love|enjoy|prefer|decide|choose|ask|tell|help|start|stop|let|put|keep|going|doing|being|having|getting|process|handle|perform|produce|present|deliver|prepare|build|design|adjust|provide|return|display|share|write|read|open|save|pick|check|follow|bring|fit|match|mean|expect|suppose|guess|believe|remember|forget|wonder|matter|fine|real|simple|whole|same way|different|important|special|own|next|last|once|twice|often|soon|later|ago|here's|i'd|i've|you'd|we're|they're|it'd|don't mind|would|could|though|although|unless|since|until then|rather|instead|too|such|each|every|both of us|several|many|few|lot|bit of|kind of|sort of|part|side|place|word|question|answer|reason|point|project|page|site|card|shop|store|post|print|gift|album|party|family|sister|brother|mother|father|friend|teacher|designer|editor".split("|"),
    "zh": "我们|他们|客户|老板|老师|朋友|今天|明天|昨天|这次|下次|需要|觉得|认为|喜欢|比较|最好|应该|可能|也许|已经|还是|但是|因为|所以|如果|然后|再|发给我|给我|看看|试试|听说|要求|希望|来|去|说|想|能|会|要|的|了|在|是|有|和|不如|务必|务必要|怎样|怎么|才能|套上|出来|拜托|辛苦|劳驾|任务|结果|最后|首先|其实|真的|非常|大概|方案|版本|项目|工作|一下|一点|这个|那个|大家|领导|同事|妈妈|爸爸|决定|选择|建议|处理|执行|制作|设计|展示|提供|返回|准备|打印|保存|分享|发布|检查|匹配|期待|相信|记得|忘了|也行|都行|有点|这样|那样|怎么样|什么样|一次|两次|刚才|马上|以后|之前|之后|虽然|而且|或者|不过|另外|顺便|比如|例如|关于|对于|按照|根据|礼物|相册|海报|店铺|网站|朋友圈|家人|妹妹|弟弟|同学|编辑|设计师".split("|"),
}

TWICE, STRANGE_FRAME = 0.12, 0.25  # share of wishes said twice; of sentence frames with other words in them


def normal(phrase):
    """A phrase without case and punctuation, to tell whether two are the same."""
    return re.sub(r"[^\w\u4e00-\u9fff]+", " ", phrase.lower()).strip()


def _split(frames):
    return {language: {part: text.split("|") for part, text in parts.items()} for language, parts in frames.items()}


_FRAMES, _HELD_OUT = _split(FRAMES), _split(FRAMES_HELD_OUT)
_PICTURE = {language: text.split("|") for language, text in PICTURE.items()}
_PICTURES = {language: text.split("|") for language, text in PICTURES.items()}
_OPENERS = {language: text.split("|") for language, text in OPENERS.items()}
_ENDINGS = {language: text.split("|") for language, text in ENDINGS.items()}


def _strange(frame, r, language):
    """A frame with random common words in the place of some of its own, so that its words are not what counts."""
    words = re.findall(r"\{\w\}|[^\s{}]+|\s+" if language == "en" else r"\{\w\}|.", frame)
    strange = [r.choice(FILLERS[language]) if "{" not in w and w.strip() and r.random() < 0.5 else w for w in words]
    if len(words) < 3:
        strange.insert(r.choice((0, len(strange))), r.choice(FILLERS[language]) + (" " if language == "en" else ""))
    return "".join(strange)


def core_phrase(kind, r, language, frames=_FRAMES):
    """A wish for `kind` without openers and endings."""
    words = (WORDS | LORA_WORDS)[kind]
    adjectives, nouns, clauses = words[0:3] if language == "en" else words[3:6]
    two = kind == "blend"
    pictures = _PICTURES if two else _PICTURE
    dice = r.random()

    def frame(part):
        chosen = r.choice(frames[language][part])
        strange = frames is _FRAMES and kind != "same" and r.random() < STRANGE_FRAME
        return _strange(chosen, r, language) if strange else chosen

    if dice < 0.32 and not (two and dice > 0.12):
        phrase = frame("adjective").replace("{a}", r.choice(adjectives))
    elif dice < 0.6:
        phrase = frame("noun").replace("{n}", r.choice(nouns))
    else:
        phrase = frame("clause").replace("{v}", r.choice(clauses))
    name = r.choice(["pictures", "photos", "images"] if two else ["photo", "picture", "image", "version"])
    return phrase.replace("{p}", name).replace("{o}", r.choice(pictures[language]))


def _wish(kind, r, language):
    """A wish for `kind`, now and then said twice: "the colors are dull, make them pop"."""
    wish = core_phrase(kind, r, language)
    if r.random() < TWICE:
        wish += ("，" if language == "zh" else r.choice((", ", ": ", " - ", ". "))) + core_phrase(kind, r, language)
    return wish


def _filler(r, language, most):
    words = [r.choice(FILLERS[language]) for _ in range(r.randint(1, most))]
    return ("" if language == "zh" else " ").join(words)


def _surround(phrase, r, language):
    """Random common words before a phrase, after it, or both."""
    space = "" if language == "zh" else " "
    comma = r.choice(("", "", "，" if language == "zh" else ",", "：" if language == "zh" else ":"))
    where = r.random()
    if where < 0.7:
        phrase = _filler(r, language, 5) + comma + space + phrase
    if where > 0.5:
        phrase = phrase + r.choice(("", "", "，" if language == "zh" else ",")) + space + _filler(r, language, 5)
    return phrase


def dress(phrase, r, language):
    """Adds openers, endings, random surroundings, punctuation and case, as people write them."""
    if r.random() < 0.35:
        phrase = _surround(phrase, r, language)
    else:
        if r.random() < 0.5:
            phrase = r.choice(_OPENERS[language]) + phrase
        if r.random() < 0.45:
            phrase = phrase + r.choice(_ENDINGS[language])
    if language == "zh":
        return phrase + r.choice(["", "", "", "。", "！", "？", " ", "～", "!"])
    phrase = phrase + r.choice(["", "", "", ".", "!", "?", "...", " "])
    case = r.random()
    if case < 0.45:
        return phrase[:1].upper() + phrase[1:]
    if case < 0.5:
        return phrase.upper()
    return phrase.title() if case < 0.53 else phrase


def _fill(make, n):
    found = {}
    while len(found) < n:
        phrase = make()
        found.setdefault(normal(phrase), phrase)
    return list(found.values())


def held_out_phrases(kinds, per_language=200, seed=123):
    """{kind: {language: [phrase]}}: words that are trained on, in sentences that never are."""
    r = random.Random(seed)
    held = {}
    for kind in kinds:
        held[kind] = {}
        for language in ("en", "zh"):
            def make():
                phrase = core_phrase(kind, r, language, _HELD_OUT)
                return phrase[:1].upper() + phrase[1:] if r.random() < 0.5 else phrase

            held[kind][language] = _fill(make, per_language)
    return held


HELD_OUT = held_out_phrases(KINDS)
LORA_HELD_OUT = held_out_phrases(LORA_KINDS, seed=124)
_BANNED = {
    normal(phrase)
    for source in (HELD_OUT, HAND_WRITTEN, LORA_HELD_OUT, LORA_HAND_WRITTEN)
    for languages in source.values()
    for phrases in languages.values()
    for phrase in phrases
} | {normal(phrase) for phrases in UNKNOWN_HELD_OUT.values() for phrase in phrases}


def training_phrase(kind, r):
    """A phrase for a kind, or for "unknown"; half of them Chinese; never one that is held out."""
    while True:
        language = r.choice(("en", "zh"))
        wish = unknown_wish(r, language) if kind == "unknown" else _wish(kind, r, language)
        phrase = dress(wish, r, language)
        if normal(phrase) not in _BANNED:
            return phrase
