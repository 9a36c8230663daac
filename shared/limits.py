"""Every limit of Darkroom, with its unit at the end of its name."""

from dataclasses import dataclass

# S3 refuses longer keys: docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
# S3 takes 2 KB of metadata; a longer one is left out.
MAX_METADATA_BYTES = 1500
# Linux takes no longer name. macOS and Windows count characters; a longer name of theirs is shortened. In a key each
# byte may become three (names.py).
MAX_NAME_BYTES = 255

# A ticket is valid this long, and for as long as its bytes take on the slowest line: 33 minutes for 50 MB.
TICKET_SECONDS = 300
SLOWEST_LINE_BYTES_PER_SECOND = 30_000
# The form for browsers without scripts has its ticket before a file is chosen. It can be sent for so long.
FORM_SECONDS = 900
# S3 takes no more in one POST: docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
MAX_POST_BYTES = 5 * 1024**3
# The door reads this much of a request's body: a name, a type and a size.
MAX_TICKET_REQUEST_BYTES = 4096

# Pictures on a page of the gallery, and the most that a client may request.
PAGE_ITEMS = 60
MAX_PAGE_ITEMS = 200
# Text is compressed at this level of gzip: 6 costs a third more CPU on a page of 60 and saves 1 % (bench/page.py).
GZIP_LEVEL = 5
# Shorter text fits into one packet and is not compressed.
MIN_GZIP_BYTES = 1000

# Picture URLs are signed with the start of this window and are valid for two windows. Within a window they stay the
# same, so browsers cache them. A URL from the end of a window is still valid for the whole next one.
URL_WINDOW_SECONDS = 3600

# Ids in one request for statuses. They take 5.4 kB of the request line; API Gateway accepts 10 kB.
MAX_STATUS_IDS = 200
# The times in these ids are at most this far apart: a page asks for the uploads of one visit.
MAX_STATUS_SPREAD_SECONDS = 86_400
# LISTs for one request for statuses under each of five prefixes: thumbs, mediums, rejections, originals, removals.
MAX_STATUS_LISTS = 5
# An id without a trace in S3 counts as pending this long: longer than any ticket (a test compares).
RECENT_SECONDS = 3600
# The gallery logs the first time that it shows an upload of up to this age.
SHOWN_SECONDS = 3600
# One execution environment remembers this many shown uploads.
MAX_SHOWN_IDS = 10_000
# A revoked invitation may still work for this long, because functions remember invitations and keys for this long.
ACCESS_CACHE_SECONDS = 30
# The most invitations that one execution environment remembers as valid.
MAX_CACHED_INVITATIONS = 10_000
MAX_INVITATION_DAYS = 365
# How long an uploader may withdraw an upload.
WITHDRAW_SECONDS = 86_400
# The form that takes an invitation: a token has about 200 bytes, a link about 300.
MAX_ENTER_BYTES = 4096
# The most keys in one LIST response of S3.
LIST_KEYS = 1000
# The most LISTs for the page before a picture. A million pictures over years take about five.
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
# Reserved at the end of an invocation, to report failures and to requeue.
RESERVE_SECONDS = 8
# The last part of this reserve, in which the handler returns.
MARGIN_SECONDS = 1
# The messages of an invocation stay invisible this much longer than it can run, so that Lambda can delete them.
LEASE_MARGIN_SECONDS = 10
# C code that ignores the end of its time is given this long; then its process is ended from outside.
HANG_GRACE_SECONDS = 2

# The resizer works on this many messages at once: one is rendered, the others wait for S3 (bench/results/batch.md).
OVERLAPPING_MESSAGES = 6
# Of these, so many download at once. With more, the first originals of a batch arrive late and the renderer waits.
OVERLAPPING_DOWNLOADS = 2
# A message waits this long for its turn to download. During an outage it would wait for the timeouts of others.
DOWNLOAD_TURN_SECONDS = 1
# The originals that the function holds in memory at the same time. A single original of MAX_IMAGE_BYTES always fits.
MAX_HELD_BYTES = 128 * 1024 * 1024

# The renderer process (shared/sealed.py). Its share of the function's memory must be enough for the worst picture
# within the limits (docs/engine.md).
RENDERER_MEMORY_PERCENT = 82
# With less than this left in the invocation, a picture is requeued and not rendered.
MIN_RENDER_SECONDS = 10
# From the start of the spawner to the first worker.
WARM_UP_SECONDS = 20
# A worker's answer with all renditions, and the header of that answer.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024

# A dead letter's sentence. SQS counts attributes into the message's 256 KiB.
MAX_SENTENCE_CHARS = 1000
# Earlier deaths in an event's history. Each takes about 150 of the characters above.
MAX_DEATHS = 5

# The resize engine. The worst picture within these limits was measured to fit the function's memory: docs/engine.md.
FUNCTION_MEMORY_MB = 2048
# The time that rendering one picture may take.
RENDER_SECONDS = 30
# A phone's 200 MP JPEG has about 60 MB. The door accepts less by default; the engine never reads more than this.
MAX_IMAGE_BYTES = 64 * 1024 * 1024
# Width x height x frames. Phones make pictures of 108 MP; 120 MP allows a scan of A3 at 400 dots per inch.
MAX_IMAGE_PIXELS = 120_000_000
# The template parameter MaxImageMegapixels allows so many, given enough memory. libwebp and libavif end at 268 million.
MOST_IMAGE_PIXELS = 250_000_000
# Memory of the renderer for each pixel of the worst picture, an AVIF with alpha, with its file (docs/engine.md).
WORST_BYTES_PER_PIXEL = 14
# One side. JPEG allows 65 535, WebP 16 383.
MAX_SIDE_PX = 65_535
# An animation with more frames becomes a still of its first frame.
MAX_FRAMES = 300
# Freed allocations up to this size stay with the process. mallopt(3) allows no more on 64 bits; newer glibc does.
KEPT_ALLOCATION_BYTES = 32 * 1024 * 1024
# The most freed memory that stays with the process: the pixels of most photos.
KEPT_BYTES = 256 * 1024 * 1024
# In the function's own process, freed allocations of this size and more go back to the system at once.
RETURNED_BYTES = 256 * 1024
# An ICC profile. The largest profiles, of printing presses, have 3 MB.
MAX_PROFILE_BYTES = 16 * 1024 * 1024
# The template parameter Renditions allows this many renditions of at most this size.
MAX_RENDITIONS = 8
MAX_RENDITION_PX = 4096
# The long side of a panorama's rendition, which may be longer than its box. Every decoder and format takes it.
MAX_PANORAMA_PX = 8192


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the resize engine. The comments above explain the fields' defaults."""

    max_bytes: int = MAX_IMAGE_BYTES
    max_pixels: int = MAX_IMAGE_PIXELS
    max_side_px: int = MAX_SIDE_PX
    max_frames: int = MAX_FRAMES
