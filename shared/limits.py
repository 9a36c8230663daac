"""Every limit in one place, the unit last in the name."""

from dataclasses import dataclass

# S3 refuses longer keys: docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
# The longest file name that Linux, macOS and Windows file systems take. In a key each byte may become three (keys.py).
MAX_NAME_BYTES = 255

# How long a ticket of the door is good for. Long enough to pick it up on a slow phone; it names one key only.
TICKET_SECONDS = 300
# What the door reads of a request's body: a name, a type and a size.
MAX_TICKET_REQUEST_BYTES = 4096

# The gallery: pictures a page, and the most a client may ask for.
PAGE_ITEMS = 60
MAX_PAGE_ITEMS = 200
# Text is compressed at this level of gzip: 6 costs a third more CPU on a page of 60 and saves 1 % (bench/page.py).
GZIP_LEVEL = 5
# Shorter text fits into one packet and is not compressed.
MIN_GZIP_BYTES = 1000

# Presigned picture URLs are signed at the turn of this window and live for twice as long, so that within it a
# browser's cache knows them, and one signed at its end still lives for the whole window.
URL_WINDOW_SECONDS = 3600

# Uploads whose state may be asked for at once; their ids take 5.4 kB of a request line, of which API Gateway reads 10.
MAX_STATUS_IDS = 200
# Ids in one such request lie at most this far apart: a page asks for uploads of one sitting.
MAX_STATUS_SPREAD_SECONDS = 86_400
# LISTs for one such request in each of its three places: thumbs, rejections, originals.
MAX_STATUS_LISTS = 5
# How long an id is believed without any trace of its upload in S3: the ticket's life, and as long for the bytes.
RECENT_SECONDS = 2 * TICKET_SECONDS
# Uploads up to this age are noted in the log when the gallery first shows them.
SHOWN_SECONDS = 3600
# How many of those one execution environment remembers.
MAX_SHOWN_IDS = 10_000
# What S3 answers to one LIST at most.
LIST_KEYS = 1000
# How many LISTs may be spent on finding what comes before a picture; a million pictures over years take about five.
MAX_NEWER_LISTS = 20

# A message that fails this often becomes a dead letter with its reason.
MAX_ATTEMPTS = 5
# As maxReceiveCount in template.yaml (a test compares). Higher than MAX_ATTEMPTS: a receive that ended in a throttled
# poller, a killed process or an unsent requeue is not an attempt, and must not make SQS give the message up.
MAX_RECEIVES = 10
# Seconds until the second attempt; each later delay is BACKOFF_FACTOR times longer. A delay is at least half of that,
# so the five attempts span 170 to 340 s: a deployment costs no upload its last attempt.
BACKOFF_FIRST_SECONDS = 4
BACKOFF_FACTOR = 4

# Outages. A message waits about as long as it has waited so far, within these bounds. SQS delays a message by at most
# 15 minutes: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
MIN_WAIT_SECONDS = 15
MAX_WAIT_SECONDS = 900
# After this much waiting the message becomes a dead letter with its reason.
MAX_WAITED_SECONDS = 12 * 3600
# After this many outages in a row, one message of a batch tries the service before the others do.
BREAKER_OUTAGES = 3

# Time, for functions with the template's timeout of 60 s. One message of a subscriber without overlap may take this.
MESSAGE_SECONDS = 40
# With less than this left in the invocation, no further message of a batch is started.
START_SECONDS = 20
# Kept back at the end of an invocation, to report failures and to requeue.
RESERVE_SECONDS = 8
# The messages of an invocation stay invisible this much longer than it can run, so that Lambda can delete them.
LEASE_MARGIN_SECONDS = 10
# C code that ignores the end of its time is given this long; then its process is ended from outside.
HANG_GRACE_SECONDS = 2

# The resizer works on this many messages at once: one is rendered, the others wait for S3 (bench/results/batch.md).
OVERLAPPING_MESSAGES = 4
# The originals that the function holds in memory at the same time; one of MAX_IMAGE_BYTES always fits.
MAX_HELD_BYTES = 128 * 1024 * 1024

# The renderer process (shared/sealed.py). Its share of the function's memory must be enough for the worst picture
# within the limits (docs/engine.md).
RENDERER_MEMORY_PERCENT = 82
# With less than this left in the invocation, a picture is requeued and not rendered.
MIN_RENDER_SECONDS = 10
# From the start of the spawner to the first worker.
WARM_UP_SECONDS = 20
# A worker's answer, all renditions together; its header.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024

# A dead letter's sentence. SQS counts attributes into the message's 256 KiB.
MAX_SENTENCE_CHARS = 1000
# Earlier deaths that an event carries along. Each takes about 150 of the characters above.
MAX_DEATHS = 5

# The resize engine. The worst picture that these let in is measured to fit the function's memory: docs/engine.md.
FUNCTION_MEMORY_MB = 2048
# The time that rendering one picture may take.
RENDER_SECONDS = 30
# A phone's 200 MP JPEG is about 60 MB; the door lets in less by default, the engine reads no more than this.
MAX_IMAGE_BYTES = 64 * 1024 * 1024
# Width x height x frames. Phones take 108 MP; 120 leaves room for a scan of A3 at 400 dots an inch.
MAX_IMAGE_PIXELS = 120_000_000
# One side. JPEG itself ends at 65 535, WebP at 16 383.
MAX_SIDE_PX = 65_535
# An animation with more frames becomes a still of its first.
MAX_FRAMES = 300
# Freed allocations up to this size stay with the process. mallopt(3) allows no more on 64 bits; newer glibc does.
KEPT_ALLOCATION_BYTES = 32 * 1024 * 1024
# Of all that stays, so much may: the pixels of most photos.
KEPT_BYTES = 256 * 1024 * 1024
# An ICC profile; the largest of printing presses have 3 MB.
MAX_PROFILE_BYTES = 16 * 1024 * 1024
# What the template parameter of renditions may ask for.
MAX_RENDITIONS = 8
MAX_RENDITION_PX = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """What the resize engine reads at most; the fields are explained beside their defaults."""

    max_bytes: int = MAX_IMAGE_BYTES
    max_pixels: int = MAX_IMAGE_PIXELS
    max_side_px: int = MAX_SIDE_PX
    max_frames: int = MAX_FRAMES
