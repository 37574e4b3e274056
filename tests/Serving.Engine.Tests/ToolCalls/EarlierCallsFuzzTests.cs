using System.Text;
using System.Text.Json;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Conversations and tools that are almost right: refused with a field's name, or brought into the template's form; never an exception.</summary>
public sealed class EarlierCallsFuzzTests
{
    private const int Rounds = 40_000;

    private const string Messages = """
        [{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":[1,{}]}"}},
        {"id":"2","function":{"name":"g","arguments":{}}},{"id":"3","type":"custom","custom":{"name":"h","input":"x\ny"}}]},{"role":"tool","tool_call_id":"call_1234567890","content":[{"type":"text","text":"y"}]},{"role":"assistant","tool_calls":[],"content":""}]
        """;

    private const string Tools = """
        [{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false}},{"type":"function","function":{"name":"g"}},
        {"type":"custom","custom":{"name":"h","description":"d","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}}}]
        """;

    private static readonly string[] Values = ["null", "true", "1", "\"\"", "\"f\"", "[]", "{}", "[null]", "{\"name\":\"g\"}", "\"\\ud800\"", "\"{\"", "\"{\\\"a\\\":1e999}\"", "\"function\"", "\"custom\""];

    [Fact]
    public void ValidateAndNormalize_MutatedRequests_OnlyNameAField()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var validator = new RequestValidator(new RequestLimits(2048, 1000, 8), new ToolSupport { Format = ToolCallFormat.Mistral }, new ReasoningSupport());
        var accepted = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var (messages, tools) = (Mutate(Messages, random), Mutate(Tools, random));
            var chat = new ChatPrompt(messages, tools) { Choice = random.Next(2) == 0 ? ToolChoice.Auto : new ToolChoice(ToolChoiceKind.Function, "f") };
            var error = Record.Exception(() =>
            {
                if (validator.ValidateChat(chat) is { } failure)
                {
                    Assert.NotEmpty(failure.Parameter!);
                    return;
                }

                accepted++;
                Assert.All(ToolRules.Names(chat)!, name => Assert.Matches("^[A-Za-z0-9_-]{1,64}$", name));
                Assert.Equal(tools.GetArrayLength(), CustomTools.AsFunctions(tools).EnumerateArray().Count(tool => tool.GetProperty("function").GetProperty("name").ValueKind == JsonValueKind.String));
                _ = ToolRules.Constraint(chat);
                var style = new CallStyle(random.Next(2) == 0, random.Next(2) == 0);
                var normal = ChatMessages.Normalize(chat.Messages, new ToolSupport { Format = ToolCallFormat.Mistral, Style = style }, new ReasoningSupport());
                Assert.Equal(messages.GetArrayLength(), normal.GetArrayLength());
            });
            Assert.True(error is null, $"seed {seed}: {error}\n{messages.GetRawText()}\n{tools.GetRawText()}");
        }

        Assert.InRange(accepted, 50, Rounds);
    }

    // Replaces some values at random places, and drops some properties.
    private static JsonElement Mutate(string json, Random random)
    {
        using var document = JsonDocument.Parse(json);
        var text = new StringBuilder();
        Write(document.RootElement, text, random, random.Next(3) == 0 ? 0 : 0.04, isRoot: true);
        using var mutant = JsonDocument.Parse(text.ToString());
        return mutant.RootElement.Clone();
    }

    private static void Write(JsonElement element, StringBuilder text, Random random, double rate, bool isRoot = false)
    {
        if (!isRoot && random.NextDouble() < rate)
        {
            text.Append(Values[random.Next(Values.Length)]);
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            WriteAll('[', ']', element.EnumerateArray().Select(item => (Action)(() => Write(item, text, random, rate))), text, random, rate);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            WriteAll('{', '}', element.EnumerateObject().Select(property => (Action)(() =>
            {
                text.Append('"').Append(property.Name).Append("\":");
                Write(property.Value, text, random, rate);
            })), text, random, rate);
        }
        else
        {
            text.Append(element.GetRawText());
        }
    }

    private static void WriteAll(char open, char close, IEnumerable<Action> items, StringBuilder text, Random random, double rate)
    {
        text.Append(open);
        foreach (var item in items.Where(_ => random.NextDouble() >= rate))
        {
            if (text[^1] != open)
            {
                text.Append(',');
            }

            item();
        }

        text.Append(close);
    }
}
