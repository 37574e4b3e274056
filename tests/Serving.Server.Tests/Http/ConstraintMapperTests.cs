using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class ConstraintMapperTests
{
    private const string Body = """{"messages":[{"role":"user","content":"hi"}],""";

    [Theory]
    [InlineData("\"response_format\":{\"type\":\"text\"}", "")]
    [InlineData("\"response_format\":null,\"structured_outputs\":{\"json\":null,\"json_object\":false}", "")]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", "object response_format")]
    [InlineData("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"strict\":true,\"schema\":{\"type\":\"null\"}}}", "schema response_format.json_schema.schema {\"type\":\"null\"}")]
    [InlineData("\"structured_outputs\":{\"json\":{\"type\":\"null\"}}", "schema structured_outputs.json {\"type\":\"null\"}")]
    [InlineData("\"structured_outputs\":{\"json\":\"{\\\"type\\\":\\\"null\\\"}\"}", "schema structured_outputs.json {\"type\":\"null\"}")]
    [InlineData("\"structured_outputs\":{\"regex\":\"a+\"}", "pattern structured_outputs.regex a+")]
    [InlineData("\"structured_outputs\":{\"choice\":[\"a\",\"b\"]}", "choice structured_outputs.choice a,b")]
    [InlineData("\"structured_outputs\":{\"json_object\":true}", "object structured_outputs.json_object")]
    [InlineData("\"guided_json\":{\"type\":\"null\"}", "schema guided_json {\"type\":\"null\"}")]
    [InlineData("\"guided_regex\":\"a+\"", "pattern guided_regex a+")]
    [InlineData("\"guided_choice\":[\"a\",\"b\"],\"response_format\":{\"type\":\"text\"}", "choice guided_choice a,b")]
    [InlineData("\"structured_outputs\":{\"grammar\":\"root ::= x\"}", "grammar structured_outputs.grammar root ::= x")]
    [InlineData("\"guided_grammar\":\"start: x\"", "grammar guided_grammar start: x")]
    [InlineData("\"grammar\":\"root ::= x\"", "grammar grammar root ::= x")]
    [InlineData("\"ebnf\":\"root ::= x\"", "grammar ebnf root ::= x")]
    [InlineData("\"regex\":\"a+\"", "pattern regex a+")]
    [InlineData("\"json_schema\":{\"type\":\"null\"}", "schema json_schema {\"type\":\"null\"}")]
    [InlineData("\"json_schema\":\"{\\\"type\\\":\\\"null\\\"}\"", "schema json_schema {\"type\":\"null\"}")]
    [InlineData("\"response_format\":{\"type\":\"json_object\",\"schema\":{\"type\":\"null\"}}", "schema response_format.schema {\"type\":\"null\"}")]
    [InlineData("\"response_format\":{\"type\":\"grammar\",\"grammar\":\"root ::= x\"}", "grammar response_format.grammar root ::= x")]
    [InlineData("\"response_format\":{\"type\":\"structural_tag\",\"format\":{}}", "tag response_format {\"type\":\"structural_tag\",\"format\":{}}")]
    [InlineData("\"structured_outputs\":{\"structural_tag\":\"{\\\"format\\\":{}}\"}", "tag structured_outputs.structural_tag {\"format\":{}}")]
    [InlineData("\"structured_outputs\":{\"structural_tag\":{\"format\":{}}}", "tag structured_outputs.structural_tag {\"format\":{}}")]
    public async Task Post_WithAConstraint_HandsItToTheEngine(string fields, string expected)
    {
        await using var daemon = await TestDaemon.StartAsync();
        var answer = await daemon.PostAsync("/v1/chat/completions", Body + fields + "}");
        Assert.Equal(200, answer.Code);
        Assert.Equal(expected, Describe(Assert.Single(daemon.Engine.Requests).Request.Constraint));
    }

    [Theory]
    [InlineData("\"response_format\":\"json\"", "response_format")]
    [InlineData("\"response_format\":{\"type\":\"yaml\"}", "response_format")]
    [InlineData("\"response_format\":{\"type\":\"json_schema\"}", "response_format.json_schema")]
    [InlineData("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\"}}", "response_format.json_schema")]
    [InlineData("\"structured_outputs\":[]", "structured_outputs")]
    [InlineData("\"structured_outputs\":{\"jason\":{}}", "structured_outputs")]
    [InlineData("\"structured_outputs\":{\"json\":{},\"regex\":\"a\"}", "structured_outputs")]
    [InlineData("\"structured_outputs\":{\"json\":\"{\"}", "structured_outputs.json")]
    [InlineData("\"structured_outputs\":{\"json\":\"\\\"\\\\ud800\\\"\"}", "structured_outputs.json")]
    [InlineData("\"guided_regex\":7", "guided_regex")]
    [InlineData("\"guided_regex\":\"\\ud800\"", "guided_regex")]
    [InlineData("\"guided_choice\":\"a\"", "guided_choice")]
    [InlineData("\"guided_choice\":[1]", "guided_choice")]
    [InlineData("\"guided_choice\":[\"a\"],\"guided_regex\":\"a\"", "guided_choice")]
    [InlineData("\"guided_regex\":\"a\",\"response_format\":{\"type\":\"json_object\"}", "guided_regex")]
    [InlineData("\"grammar\":{}", "grammar")]
    [InlineData("\"grammar\":\"root ::= x\",\"regex\":\"a\"", "regex")]
    [InlineData("\"ebnf\":\"\\ud800\"", "ebnf")]
    [InlineData("\"response_format\":{\"type\":\"grammar\"}", "response_format.grammar")]
    [InlineData("\"structured_outputs\":{\"structural_tag\":\"{\"}", "structured_outputs.structural_tag")]
    public async Task Post_WithAConstraintThatIsWrong_Is400NamingTheField(string fields, string name)
    {
        await using var daemon = await TestDaemon.StartAsync();
        foreach (var (path, body) in new[] { ("/v1/chat/completions", Body), ("/v1/completions", """{"prompt":"hi",""") })
        {
            var answer = await daemon.PostAsync(path, body + fields + "}");
            Assert.Equal(400, answer.Code);
            Assert.Equal(name, answer.Json.GetProperty("error").GetProperty("param").GetString());
        }

        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Post_WithALongConstraint_Is400()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var text = new string('a', RequestLimits.ConstraintCharacters + 1);
        foreach (var value in new[] { $"\"guided_regex\":\"{text}\"", $"\"grammar\":\"{text}\"", $"\"guided_choice\":[\"{text}\"]", $"\"guided_json\":{{\"title\":\"{text}\"}}" })
        {
            Assert.Equal(400, (await daemon.PostAsync("/v1/chat/completions", Body + value + "}")).Code);
        }
    }

    internal static string Describe(OutputConstraint? constraint, bool withField = true)
    {
        var field = withField ? " " + constraint?.Field : "";
        return constraint switch
        {
            null => "",
            JsonObjectConstraint => $"object{field}",
            JsonSchemaConstraint schema => $"schema{field} {schema.Schema.GetRawText()}",
            PatternConstraint pattern => $"pattern{field} {pattern.Pattern}",
            GrammarConstraint grammar => $"grammar{field} {grammar.Text}",
            StructuralTagConstraint tag => $"tag{field} {tag.Tag.GetRawText()}",
            ChoiceConstraint choice => $"choice{field} {string.Join(',', choice.Choices)}",
            _ => "unknown",
        };
    }
}
