"""Printed words for training, held-out ones for evaluation, and loose words for meaningless questions."""

PRINTED = '''
CAT DOG SUN YES NO STOP GO OPEN EXIT HELLO BOOK FISH TREE HOME MOON LOVE BIRD DUCK FROG GOAT HAND IRON JAZZ
KING LAMP MILK NEST OVEN PARK QUIZ RAIN SHIP TAXI UNIT VASE WIND YARD ZERO APPLE BREAD CHAIR DREAM EARTH FLAME
GRAPE HORSE IMAGE JUICE KNIFE LEMON MUSIC NIGHT OCEAN PIANO QUEEN RIVER STONE TIGER UNCLE VOICE WATER YOUTH
ZEBRA ANIMAL BUTTER CASTLE DANGER ENGINE FLOWER GARDEN HAMMER ISLAND JACKET KITTEN LETTER MARKET NUMBER ORANGE
PEPPER ROCKET SCHOOL TICKET VALLEY WINDOW YELLOW BALLOON CAPTAIN DOLPHIN ELEMENT FREEDOM GALLERY HOLIDAY
JOURNEY KITCHEN LIBRARY MACHINE NATURE PICTURE QUALITY RAINBOW SUNRISE TRAFFIC VILLAGE WEATHER AIRPLANE
BIRTHDAY COMPUTER DAUGHTER ELEPHANT FOOTBALL GRATEFUL HOSPITAL INTEREST KEYBOARD LANGUAGE MOUNTAIN NOTEBOOK
PASSWORD QUESTION SANDWICH TOGETHER UMBRELLA VACATION SALE CAFE HOTEL BANK MENU PUSH PULL FREE TEST DEMO
'''.split()

# never shown in training, so that an evaluation measures reading and not recall
HELD_OUT = '''
CUP BEE ANT OWL SKY ICE BALL CAKE DOOR FIRE GOLD HILL JUMP KITE LEAF NOSE PINK ROAD SNOW TOWN WOLF BEACH CLOUD
DANCE EAGLE FRUIT GHOST HOUSE KOALA LIGHT MOUSE NURSE PLANT ROBOT SMILE TRAIN WHEEL BASKET CAMERA DOCTOR
FINGER GUITAR HUNTER JUNGLE LADDER MONKEY PENCIL RABBIT SUMMER TURTLE WINTER BLANKET CHICKEN DIAMOND FEATHER
GRAVITY HARVEST KINGDOM LANTERN MORNING PUMPKIN SHELTER VOLCANO BASEBALL CALENDAR DINOSAUR ENVELOPE FESTIVAL
GRAPHICS HEADLINE MAGAZINE NECKLACE PAINTING SQUIRREL TREASURE
'''.split()

LOOSE_EN = '''
the of and to in is you that it he was for on are as with his they at be this have from or one had by word but
not what all were we when your can said there use an each which she do how their if will up other about out
many then them these so some her would make like him into time has look two more write go see number no way
could people my than first water been call who oil its now find long down day did get come made may part over
new sound take only little work know place year live me back give most very after thing our just name good
sentence man think say great where help through much before line right too mean old any same tell boy follow
came want show also around form three small set put end does another well large must big even such because
turn here why ask went men read need land different home us move try kind hand picture again change off play
spell air away animal house point page letter mother answer found study still learn should weather poem story
joke code recipe capital country president translate explain python science history music movie price money
food city football car computer plan write essay email summary law stock tomorrow yesterday
'''.split()

LOOSE_ZH = '''
的 一 是 了 我 不 人 在 他 有 这 上 们 来 到 时 大 地 为 子 中 你 说 生 国 年 着 就 那 和 要 她 出 也 得 里 后 自 以 会 家 可 下 而 过 天 去 能 对 小 多 然 于 心 学
么 之 都 好 看 起 发 当 没 成 只 如 事 把 还 用 第 样 道 想 作 种 开 手 十 前 所 己 又 行 它 面 本 意 动 方 无 问 天气 写 诗 笑话 代码 翻译 解释 历史 音乐 电影 价格 今天
明天 为什么 怎么 帮我 告诉 故事 城市 总统 首都 食谱 邮件 计划 新闻 股票 足球 电脑
'''.split()
