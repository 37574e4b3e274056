using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.Tests.PromptModules;

public sealed class SchemaReaderTests
{
    private const string Trip = """
        <schema name="trip">
          <system>You plan trips.
            <module name="florida"> It is <b/>hot.
            </module>
          </system>
        </schema>
        """;

    [Fact]
    public void ReadPml_WholeLanguage_IsTheTree()
    {
        var schema = PmlSchemaReader.Read("""
            <?xml version="1.0"?>
            <!-- A trip. -->
            <schema name="trip">
              <system>You  plan
                trips.<![CDATA[
            <exactly> ]]></system>
              <module name="plan">Stay <parameter name="days" length="4" scaffold="three &amp; a half"/> days.
                <union><module name="miami" cache="true" xml:space="preserve">  Beach. </module><module name="maui"/></union>
              </module>
              <scaffold modules=" plan
                plan/miami "/>
              <user/>
            </schema>
            """);

        Assert.Equal("trip", schema.Name);
        Assert.True(schema.EndsInUserMessage);
        Assert.Equal(["plan", "plan/miami"], Assert.Single(schema.Scaffolds));
        var system = Assert.IsType<SchemaMessage>(schema.Children[0]);
        Assert.Equal("You  plan\n    trips.\n<exactly> ", Assert.IsType<SchemaText>(Assert.Single(system.Children)).Text);
        var plan = Assert.IsType<SchemaModule>(schema.Children[1]);
        Assert.Equal([new SchemaText("Stay "), new SchemaParameter("days", 4, "three & a half"), new SchemaText(" days. ")], plan.Children.Take(3));
        var union = Assert.IsType<SchemaUnion>(plan.Children[3]);
        Assert.Equal(["miami", "maui"], union.Members.Select(member => member.Name));
        Assert.Equal(new SchemaText("  Beach. "), Assert.Single(union.Members[0].Children));
        Assert.Empty(union.Members[1].Children);
    }

    [Fact]
    public void ReadJson_WholeLanguage_HasTheVersionOfThePml()
    {
        var json = JsonSchemaReader.Read("""
            { "scaffolds": [["plan", "plan/miami"]], "content": [
                { "content": "You plan.", "type": "system" },
                { "type": "module", "name": "plan", "content": ["Stay ", { "name": "days", "type": "parameter", "length": 4, "scaffold": "three" }, " days.", "\n",
                    { "type": "union", "content": [{ "type": "module", "name": "miami", "content": "Beach." }, { "type": "module", "name": "maui" }] }] },
                { "type": "user" }], "name": "other" }
            """);
        var pml = PmlSchemaReader.Read("""
            <schema name="trip"><system>You plan.</system><module name="plan">Stay <parameter name="days" length="4" scaffold="three"/><![CDATA[ days.
            ]]><union><module name="miami">Beach.</module><module name="maui"/></union></module><user/><scaffold modules="plan plan/miami"/></schema>
            """);

        Assert.Equal(SchemaDigest.Of(pml), SchemaDigest.Of(json));
    }

    [Fact]
    public void Read_RandomSchemas_MeanTheSameInBothLanguages()
    {
        const int Seed = 20261126;
        var versions = new HashSet<string>();
        for (var i = 0; i < 500; i++)
        {
            var schema = new RandomSchemas(new Random(Seed + i)).Next(messages: true);
            var version = SchemaDigest.Of(schema);
            Assert.Equal(version, SchemaDigest.Of(JsonSchemaReader.Read(SchemaJsonWriter.Write(schema).GetRawText())));
            Assert.Equal(version, SchemaDigest.Of(PmlSchemaReader.Read(RandomSchemas.ToPml(schema))));
            versions.Add(version.ToString());
        }

        Assert.True(versions.Count > 400, $"{versions.Count} versions of 500 schemas");
    }

    [Theory]
    [InlineData(Trip, 3, 36, "<b> is not known here")]
    [InlineData("<schema>\n</schema>", 1, 2, "schema null: a name is")]
    [InlineData("<schema name='1'/>", 1, 2, "schema '1': a name is")]
    [InlineData("<schema name='a'/>", 1, 2, "the schema is empty")]
    [InlineData("<schema name='a'>\n x <module name='b'>", 2, 21, "Unexpected end of file")]
    [InlineData("<schema name='a'><module name='b'/>\n<module name='b'/></schema>", 2, 2, "the name 'b' is taken")]
    [InlineData("<schema name='a'><union><module name='b'/></union><module name='b'/></schema>", 1, 52, "the name 'b' is taken")]
    [InlineData("<schema name='a'><system><module name='b'/></system><module name='b'/></schema>", 1, 54, "the name 'b' is taken")]
    [InlineData("<schema name='a'><union>x</union></schema>", 1, 25, "a union holds modules only")]
    [InlineData("<schema name='a'><union><union/></union></schema>", 1, 26, "a union holds modules only")]
    [InlineData("<schema name='a'><union/></schema>", 1, 19, "a union holds at least one module")]
    [InlineData("<schema name='a'>\n\n <parameter name='p' length='1'/></schema>", 3, 3, "a parameter stands inside a module only")]
    [InlineData("<schema name='a'><module name='b'><parameter name='p' length='0'/></module></schema>", 1, 36, "a parameter's length is 1")]
    [InlineData("<schema name='a'><module name='b'><parameter name='p'/></module></schema>", 1, 36, "a parameter's length is 1")]
    [InlineData("<schema name='a'><module name='b'><parameter name='b' length='1'>x</parameter></module></schema>", 1, 66, "<parameter> holds nothing")]
    [InlineData("<schema name='a'><module name='b' cache='false'>x</module></schema>", 1, 19, "cache=\"false\" is not supported")]
    [InlineData("<schema name='a'><module name='b' src='/etc/passwd'/></schema>", 1, 19, "src is not supported")]
    [InlineData("<schema name='a'><union scaffold='b'><module name='b'/></union></schema>", 1, 19, "scaffold of a union is not supported")]
    [InlineData("<schema name='a'><user>x<user/></user></schema>", 1, 26, "a message cannot stand inside another")]
    [InlineData("<schema name='a'><user><module name='m'><system/></module></user></schema>", 1, 42, "a message cannot stand inside another")]
    [InlineData("<schema name='a'>x<scaffold modules='b c'/></schema>", 1, 20, "there is no module 'b'")]
    [InlineData("<schema name='a'><module name='b'/><scaffold modules='b'/></schema>", 1, 37, "a scaffold names 2 to")]
    [InlineData("<schema name='a'><module name='b'/><scaffold modules='b b'/></schema>", 1, 37, "'b' is in a scaffold already")]
    [InlineData("<schema name='a'><union><module name='b'/><module name='c'><module name='d'/></module></union><scaffold modules='b c/d'/></schema>", 1, 96, "two members of one union")]
    [InlineData("<!DOCTYPE s [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><schema name='a'>&x;</schema>", 1, 1, "DTD")]
    [InlineData("<schema name='a'>&x;</schema>", 1, 19, "entity")]
    [InlineData("<prompt/>", 1, 2, "the outermost element is <schema>")]
    [InlineData("", 1, 1, "Root element is missing")]
    public void ReadPml_Wrong_SaysWhereAndWhy(string source, int line, int column, string reason)
    {
        var error = Assert.Throws<PromptSchemaException>(() => PmlSchemaReader.Read(source));
        Assert.Contains(reason, error.Reason, StringComparison.OrdinalIgnoreCase);
        Assert.Equal((line, column), (error.At.Line, error.At.Column));
    }

    [Theory]
    [InlineData("[]", 1, 1, "a schema is an object")]
    [InlineData("{\"name\": \"a\",\n \"content\": [\"é😀\", {\"type\": \"nothing\"}]}", 2, 21, "the type 'nothing' is not known")]
    [InlineData("{\"name\": \"a\", \"content\": 5}", 1, 26, "content is a string or a list")]
    [InlineData("{\"name\": \"a\", \"content\": [5]}", 1, 27, "is a string")]
    [InlineData("{\"name\": \"a\", \"content\": []}", 1, 1, "the schema is empty")]
    [InlineData("{\"name\": \"a\", \"content\": [\"x\"], \"name\": \"b\"}", 1, 33, "the field 'name' is not known here")]
    [InlineData("{\"name\": \"a\", \"content\": [\"x\"], \"ttl\": 5}", 1, 33, "the field 'ttl' is not known here")]
    [InlineData("{\"name\": \"a\", \"content\": [{\"type\": \"module\", \"name\": \"b\", \"length\": 1}]}", 1, 27, "has no length")]
    [InlineData("{\"name\": \"a\", \"content\": [{\"type\": \"user\", \"name\": \"b\"}]}", 1, 27, "has no name")]
    [InlineData("{\"name\": \"a\", \"content\": [{\"name\": \"b\"}]}", 1, 27, "an element has a type")]
    [InlineData("{\"name\": \"a\", \"content\": [\"\\ud800\"]}", 1, 27, "half a character")]
    [InlineData("{\"name\": \"a\", \"content\": [\"x\"], \"scaffolds\": [\"b\"]}", 1, 47, "list of lists")]
    [InlineData("{\"name\": \"a\", \"content\": [\"x\"]} x", 1, 33, "not valid JSON")]
    public void ReadJson_Wrong_SaysWhereAndWhy(string source, int line, int column, string reason)
    {
        var error = Assert.Throws<PromptSchemaException>(() => JsonSchemaReader.Read(source));
        Assert.Contains(reason, error.Reason, StringComparison.OrdinalIgnoreCase);
        Assert.Equal((line, column), (error.At.Line, error.At.Column));
    }

    [Fact]
    public void Read_BeyondTheLimits_IsRefused()
    {
        static string Nested(int depth) => $"<schema name='a'>{string.Concat(Enumerable.Range(0, depth).Select(i => $"<module name='m{i}'>"))}x{string.Concat(Enumerable.Repeat("</module>", depth))}</schema>";
        PmlSchemaReader.Read(Nested(SchemaLimits.Depth));
        Refused(Nested(SchemaLimits.Depth + 1), "inside each other");
        Refused(Nested(20_000), "inside each other");
        Refused($"<schema name='a'>{string.Concat(Enumerable.Range(0, SchemaLimits.Nodes + 1).Select(i => $"<module name='m{i}'/>"))}</schema>", "elements and texts");
        Refused($"<schema name='a'>{new string('x', SchemaLimits.SourceLength)}</schema>", "characters");
        Refused($"<schema name='{new string('x', SchemaLimits.NameLength + 1)}'>x</schema>", "a name is");
        var deep = string.Concat(Enumerable.Repeat("{\"type\":\"module\",\"name\":\"a\",\"content\":[", 40));
        Assert.Throws<PromptSchemaException>(() => JsonSchemaReader.Read($"{{\"name\":\"a\",\"content\":[{deep}"));
    }

    private static void Refused(string source, string reason) =>
        Assert.Contains(reason, Assert.Throws<PromptSchemaException>(() => PmlSchemaReader.Read(source)).Reason, StringComparison.Ordinal);
}
