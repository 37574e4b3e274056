using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

public sealed class CustomResourceTests
{
    [Theory]
    [InlineData("{name: a, port: 1}", "")]
    [InlineData("{name: a, port: 1, prot: 2}", "spec: unknown field prot")]
    [InlineData("{port: 1}", "spec: name is missing")]
    [InlineData("{name: A, port: 1}", "spec/name: A does not match")]
    [InlineData("{name: a, port: 0}", "spec/port: 0 is not a number in range")]
    [InlineData("{name: a, port: x}", "spec/port: x is not a number in range")]
    [InlineData("{name: a, list: [{mode: Open}]}", "")]
    [InlineData("{name: a, list: [{mode: open}]}", "spec/list/0/mode: open is none of the words")]
    [InlineData("{name: a, list: b}", "spec/list: not a list")]
    public void Errors_OfAnObject_NameEveryThingThatIsWrong(string value, string expected)
    {
        const string Schema = """
            {type: object, required: [name], properties: {name: {type: string, pattern: "^[a-z]+$"}, port: {type: integer, minimum: 1, maximum: 9},
            list: {type: array, items: {type: object, properties: {mode: {type: string, enum: [Open, Close]}}}}}}
            """;

        Assert.Equal(expected, string.Join('\n', CustomResource.Errors(YamlFile.Parse(value), YamlFile.Parse(Schema), "spec")));
    }
}
