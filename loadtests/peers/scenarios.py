"""What is asked: the same requests for every server, drawn from a seed."""
import dataclasses
import random

ADAPTERS = ("acme", "french", "json", "pirate", "shout", "terse")
NAMES = ("Ada", "Ben", "Carl", "Dora", "Emma", "Finn", "Gina", "Hugo", "Iris", "Jack", "Kate", "Leo", "Maya", "Nora", "Omar", "Paul", "Ruth", "Sam", "Tina", "Vera")
THINGS = ("lamp", "boat", "chair", "guitar", "wheel", "bucket", "carpet", "coat", "drum", "clock", "ladder", "kettle", "basket", "mirror", "pillow", "shovel")
PLACES = ("garden", "cellar", "office", "museum", "garage", "castle", "station", "theater", "factory", "cabin", "harbor", "library")
SHORT_TOKENS = 128
LONG_TOKENS = 64
LONG_FACTS = 95  # about 1,000 tokens of the bundled tokenizer
TAIL_FACTS = 4

# As long whatever the model would like to say: twelve entries, of a number, a word and a truth value.
SCHEMA_TOKENS = 1000
ENTRY = {"type": "object", "properties": {"id": {"type": "integer", "minimum": 100, "maximum": 999}, "thing": {"enum": list(THINGS)}, "found": {"type": "boolean"}},
         "required": ["id", "thing", "found"], "additionalProperties": False}
SCHEMA = {"type": "object", "properties": {"things": {"type": "array", "items": ENTRY, "minItems": 12, "maxItems": 12}}, "required": ["things"], "additionalProperties": False}


@dataclasses.dataclass(frozen=True)
class Request:
    messages: list
    max_tokens: int
    adapter: str | None = None
    schema: dict | None = None  # what the answer has to satisfy; else it goes on up to max_tokens


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Each stream sends its requests one after the other; all streams start together."""
    name: str
    streams: list  # of lists of requests
    warm: list = dataclasses.field(default_factory=list)  # sent one by one before the clock starts


def fact(draw):
    return draw.choice([
        lambda: f"{draw.choice(NAMES)} left the {draw.choice(THINGS)} in the {draw.choice(PLACES)}.",
        lambda: f"The code of the {draw.choice(THINGS)} is {draw.randrange(10000)}.",
        lambda: f"{draw.choice(NAMES)} is {draw.randrange(5, 80)} years old.",
        lambda: f"The phone extension of {draw.choice(NAMES)} is {draw.randrange(100, 1000)}.",
    ])()


def document(draw, facts):
    return "\n".join([f"Document: {draw.choice(PLACES).title()} Report {draw.randrange(1000000)}"] + [fact(draw) for _ in range(facts)])


# The number comes first, so that no two prompts begin alike and nobody's prefix cache helps.
def short_messages(draw):
    return [{"role": "user", "content": f"{draw.randrange(1000000)}: Where is the {draw.choice(THINGS)} of {draw.choice(NAMES)}?"}]


def long_messages(draw):
    return [{"role": "system", "content": f"{draw.randrange(1000000)}: Use the following document.\n\n{document(draw, LONG_FACTS)}"},
            {"role": "user", "content": f"How old is {draw.choice(NAMES)}?"}]


def chats(draw, streams, requests):
    return Scenario(f"chat, {streams} streams", [[Request(short_messages(draw), SHORT_TOKENS) for _ in range(requests)] for _ in range(streams)])


def long_prompts(draw, streams, requests):
    return Scenario(f"1k-token prompts, {streams} streams", [[Request(long_messages(draw), LONG_TOKENS) for _ in range(requests)] for _ in range(streams)])


def by_schema(draw, streams, requests):
    return Scenario(f"JSON by a schema, {streams} streams", [[Request(short_messages(draw), SCHEMA_TOKENS, schema=SCHEMA) for _ in range(requests)] for _ in range(streams)])


def adapters(draw, streams, requests):
    return Scenario(f"chat, {streams} streams over {len(ADAPTERS)} adapters",
                    [[Request(short_messages(draw), SHORT_TOKENS, ADAPTERS[i % len(ADAPTERS)]) for _ in range(requests)] for i in range(streams)])


def shared_prefix(draw, streams, requests):
    """One long document for all, seen once before, and a question and facts of its own for each request."""
    system = {"role": "system", "content": f"Use the following document.\n\n{document(draw, LONG_FACTS)}"}

    def ask():
        return Request([system, {"role": "user", "content": f"{document(draw, TAIL_FACTS)}\n\nHow old is {draw.choice(NAMES)}?"}], LONG_TOKENS)

    return Scenario(f"shared 1k-token prefix, {streams} streams", [[ask() for _ in range(requests)] for _ in range(streams)], [ask()])


def warm_up(streams, requests):
    """Brings a server up to speed before anything is measured."""
    return chats(random.Random("warm"), streams, requests)


def all_scenarios(seed):
    """The scenarios in the report's order. A seed is used for one measurement only: prompts that come again would be cached."""
    draw = random.Random(seed)
    return [
        chats(draw, 1, 4), chats(draw, 8, 2), chats(draw, 32, 2),
        long_prompts(draw, 1, 2), long_prompts(draw, 8, 1), long_prompts(draw, 32, 1),
        adapters(draw, 32, 2),
        by_schema(draw, 1, 4), by_schema(draw, 8, 2), by_schema(draw, 32, 1),
        shared_prefix(draw, 1, 4), shared_prefix(draw, 8, 2), shared_prefix(draw, 32, 1),
    ]
