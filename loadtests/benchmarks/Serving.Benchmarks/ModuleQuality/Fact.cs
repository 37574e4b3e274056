namespace Serving.Benchmarks.ModuleQuality;

/// <summary>Something that a document says, and how it is asked for.</summary>
/// <param name="Key">What is asked; no two facts of a question's documents share one.</param>
/// <param name="Statement">How the document says it.</param>
/// <param name="Question">How it is asked for.</param>
/// <param name="Answer">The base model's answer.</param>
/// <param name="Short">The shortest answer.</param>
internal sealed record Fact(string Key, string Statement, string Question, string Answer, string Short);

/// <summary>The kinds of facts in the bundled model's corpus (config/models/demo/training/generate.py), with the first form of each question.</summary>
internal sealed class FactGenerator(WordLists words, Random random)
{
    private static readonly string[] Numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

    private IReadOnlyList<Func<Fact>> All =>
    [
        Code, Code, Keep, Keep, Order, Price, StockCount, StockShelf, EventTime, EventRoom, Age, Job, JobCity, Favorite, Phone, Password, Owner, Lead, TrainTime, TrainPlatform,
        Capital, Pet, Weight, Opens, Closes, Parcel, Day,
    ];

    /// <summary>Facts of one document, of one to four kinds or of all, none about what is taken.</summary>
    public List<Fact> Draw(int count, HashSet<string> taken)
    {
        var kinds = random.NextDouble() < .7 ? random.GetItems([.. All], random.Next(1, 5)) : [.. All];
        var facts = new List<Fact>();
        for (var tries = 30 * count; tries > 0 && facts.Count < count; tries--)
        {
            var fact = Pick(kinds)();
            if (taken.Add(fact.Key))
            {
                facts.Add(fact);
            }
        }

        return facts;
    }

    /// <summary>A document: its name, then its facts.</summary>
    public string Document(IReadOnlyList<Fact> facts)
    {
        var adjective = random.Next(4) switch { 0 => MadeUp() + " ", 1 => Capitalized(Word("PLACES")) + " ", 2 => Capitalized(Word("TEAMS")) + " ", _ => "" };
        var name = Pick("Guide List Notes Report Plan Book Memo Letter Catalog Register Manual Diary Table Handbook".Split(' '));
        var separator = random.NextDouble() < .8 || facts.Any(fact => fact.Statement.Contains('|', StringComparison.Ordinal)) ? "\n" : " ";
        return $"Document: {adjective}{name}\n{string.Join(separator, facts.Select(fact => fact.Statement))}";
    }

    private static string Capitalized(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static string Article(string word) => ("aeiou".Contains(word[0], StringComparison.Ordinal) ? "an " : "a ") + word;

    private static string Plural(string word) => word.EndsWith('x') || word.EndsWith("ch", StringComparison.Ordinal) || word.EndsWith("sh", StringComparison.Ordinal) || word.EndsWith('s') ? word + "es"
        : word.EndsWith("fe", StringComparison.Ordinal) ? word[..^2] + "ves" : word + "s";

    private Fact Code()
    {
        var (key, value, what) = ($"{Word("COLORS")} {Word("OBJECTS")}", Digits(Pick(3, 4, 4, 5)), Pick("code", "code", "number", "price code", "serial number"));
        return new(key, $"The {what} of the {key} is {value}.", $"What is the {what} of the {key}?", $"The {what} of the {key} is {value}.", value);
    }

    private Fact Keep()
    {
        var ((name, their), item, place) = (Person(), Word("OBJECTS"), Word("PLACES"));
        var (verb, question) = Pick(("keeps", "does {0} keep"), ("left", "did {0} leave"), ("hid", "did {0} hide"), ("put", "did {0} put"));
        var statement = $"{name} {verb} {their} {item} in the {place}.";
        return new(name + item, statement, $"Where {question.Replace("{0}", name, StringComparison.Ordinal)} {their} {item}?", statement, $"In the {place}");
    }

    private Fact Order()
    {
        var (key, holds) = (Digits(4), $"{Numbers[random.Next(2, 13)]} {Plural(Word("OBJECTS"))}");
        return new("order" + key, $"Order {key} holds {holds}.", $"What does order {key} hold?", $"Order {key} holds {holds}.", Capitalized(holds));
    }

    private Fact Price()
    {
        var (key, cost) = ($"{Word("ADJ")} {Word("OBJECTS")}", $"{random.Next(2, 100)} {Pick("dollars", "euros", "coins")}");
        return new(key, $"The {key} costs {cost}.", $"How much does the {key} cost?", $"The {key} costs {cost}.", cost);
    }

    private (string Key, string Count, string Shelf, string Line) Stock()
    {
        var (key, count, shelf) = (Plural(Word("OBJECTS")), $"{random.Next(2, 100)}", $"{"ABCDEFGH"[random.Next(8)]}");
        return (key, count, shelf, $"{key} | {count} | shelf {shelf}");
    }

    private Fact StockCount()
    {
        var (key, count, _, line) = Stock();
        return new("stock" + key, line, $"How many {key} are in stock?", $"There are {count} {key} in stock.", count);
    }

    private Fact StockShelf()
    {
        var (key, _, shelf, line) = Stock();
        return new("stock" + key, line, $"On which shelf are the {key}?", $"The {key} are on shelf {shelf}.", $"Shelf {shelf}");
    }

    private (string Key, string Time, string Room, string Line) Event()
    {
        var (key, time, room) = ($"{Word("TEAMS")} {Word("EVENTS")}", Clock(), Digits(Pick(1, 2, 3)));
        return (key, time, room, $"The {key} starts at {time} in room {room}.");
    }

    private Fact EventTime()
    {
        var (key, time, _, line) = Event();
        return new(key, line, $"When does the {key} start?", $"The {key} starts at {time}.", time);
    }

    private Fact EventRoom()
    {
        var (key, _, room, line) = Event();
        return new(key, line, $"In which room is the {key}?", $"The {key} is in room {room}.", $"Room {room}");
    }

    private Fact Age()
    {
        var (name, age) = (Person().Name, $"{random.Next(3, 99)}");
        return new("age" + name, $"{name} is {age} years old.", $"How old is {name}?", $"{name} is {age} years old.", age);
    }

    private (string Name, string Job, string City, string Line) Work()
    {
        var (name, job, city) = (Person().Name, Word("JOBS"), City());
        return (name, job, city, $"{name} works as {Article(job)} in {city}.");
    }

    private Fact Job()
    {
        var (name, job, _, line) = Work();
        return new("job" + name, line, $"What is the job of {name}?", $"{name} works as {Article(job)}.", Capitalized(job));
    }

    private Fact JobCity()
    {
        var (name, _, city, line) = Work();
        return new("job" + name, line, $"Where does {name} work?", $"{name} works in {city}.", city);
    }

    private Fact Favorite()
    {
        var (name, (kind, list)) = (Person().Name, Pick(("color", "COLORS"), ("food", "FOODS"), ("animal", "ANIMALS"), ("hobby", "HOBBIES")));
        var value = Word(list);
        return new(kind + name, $"{name}'s favorite {kind} is {value}.", $"What is {name}'s favorite {kind}?", $"{name}'s favorite {kind} is {value}.", Capitalized(value));
    }

    private Fact Phone()
    {
        var (name, number) = (Person().Name, Digits(Pick(3, 4)));
        return new("phone" + name, $"The phone extension of {name} is {number}.", $"What is the phone extension of {name}?", $"The phone extension of {name} is {number}.", number);
    }

    private Fact Password()
    {
        var (place, value) = (Word("PLACES"), Pick([.. words["OBJECTS"], .. words["ANIMALS"]]) + Digits(2));
        return new("pass" + place, $"The password of the {place} is {value}.", $"What is the password of the {place}?", $"The password of the {place} is {value}.", value);
    }

    private Fact Owner()
    {
        var (key, name) = ($"{Word("COLORS")} {Word("OBJECTS")}", Person().Name);
        return new(key, $"The {key} belongs to {name}.", $"Who owns the {key}?", $"The {key} belongs to {name}.", name);
    }

    private Fact Lead()
    {
        var (team, name) = (Word("TEAMS"), Person().Name);
        return new("team" + team, $"{name} leads the {team} team.", $"Who leads the {team} team?", $"{name} leads the {team} team.", name);
    }

    private (string City, string Time, string Platform, string Line) Train()
    {
        var (city, platform, time) = (City(), $"{random.Next(1, 20)}", Clock());
        return (city, time, platform, $"The train to {city} leaves at {time} from platform {platform}.");
    }

    private Fact TrainTime()
    {
        var (city, time, _, line) = Train();
        return new("train" + city, line, $"When does the train to {city} leave?", $"The train to {city} leaves at {time}.", time);
    }

    private Fact TrainPlatform()
    {
        var (city, _, platform, line) = Train();
        return new("train" + city, line, $"From which platform does the train to {city} leave?", $"The train to {city} leaves from platform {platform}.", $"Platform {platform}");
    }

    private Fact Capital()
    {
        var (country, city) = (MadeUp(), MadeUp());
        return new("cap" + country, $"The capital of {country} is {city}.", $"What is the capital of {country}?", $"The capital of {country} is {city}.", city);
    }

    private Fact Pet()
    {
        var (name, animal, called) = (Person().Name, Word("ANIMALS"), MadeUp());
        return new(name + animal, $"{name} has {Article(animal)} called {called}.", $"What is the name of {name}'s {animal}?", $"{name}'s {animal} is called {called}.", called);
    }

    private Fact Weight()
    {
        var (key, weight) = ($"{Word("ADJ")} {Word("OBJECTS")}", $"{random.Next(2, 100)} kilograms");
        return new("w" + key, $"The {key} weighs {weight}.", $"How much does the {key} weigh?", $"The {key} weighs {weight}.", weight);
    }

    private (string Place, string From, string To, string Line) Hours()
    {
        var (place, from, to) = (Word("PLACES"), $"{random.Next(6, 12)}:{Pick("00", "30", "15")}", $"{random.Next(14, 23)}:{Pick("00", "30", "45")}");
        return (place, from, to, $"The {place} opens at {from} and closes at {to}.");
    }

    private Fact Opens()
    {
        var (place, from, _, line) = Hours();
        return new("open" + place, line, $"When does the {place} open?", $"The {place} opens at {from}.", from);
    }

    private Fact Closes()
    {
        var (place, _, to, line) = Hours();
        return new("open" + place, line, $"When does the {place} close?", $"The {place} closes at {to}.", to);
    }

    private Fact Parcel()
    {
        var (key, city) = (Digits(4), City());
        return new("parcel" + key, $"Parcel {key} goes to {city}.", $"Where does parcel {key} go?", $"Parcel {key} goes to {city}.", city);
    }

    private Fact Day()
    {
        var (name, day, hobby) = (Person().Name, Word("DAYS"), Word("HOBBIES"));
        return new(name + hobby, $"{name} has a {hobby} lesson on {day}.", $"On which day does {name} have a {hobby} lesson?", $"{name} has a {hobby} lesson on {day}.", day);
    }

    private T Pick<T>(params IReadOnlyList<T> items) => items[random.Next(items.Count)];

    private string Word(string list) => Pick(words[list]);

    private string Digits(int count) => $"{random.Next(1, 10)}{string.Concat(Enumerable.Range(1, count - 1).Select(_ => random.Next(10)))}";

    private string Clock() => $"{random.Next(6, 23)}:{Pick("00", "15", "30", "45", "10", "20", "40", "50")}";

    private string City() => random.Next(2) == 0 ? MadeUp() : Pick(words.Cities);

    private string MadeUp() => Capitalized(string.Concat(Enumerable.Range(0, Pick(1, 2, 2)).Select(_ => Word("SYL")))) + Word("END");

    private (string Name, string Their) Person() => random.NextDouble() switch
    {
        < .45 => (Word("GIRLS"), "her"),
        < .9 => (Word("BOYS"), "his"),
        _ => (MadeUp(), Pick("her", "his")),
    };
}
