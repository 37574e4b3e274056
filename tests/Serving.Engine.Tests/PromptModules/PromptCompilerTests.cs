using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.PromptModules;

public sealed class PromptCompilerTests
{
    private const int MaxModelLength = 400;
    private const string Trip = """
        <schema name="trip">Plan a trip.
          <module name="florida">Warm.<union>
            <module name="miami">Stay in Miami for <parameter name="days" length="6"/> days.</module>
            <module name="orlando">Stay in Orlando, with all the children and the dog, for a week or for two weeks or even for three.</module></union>
          </module>
          <module name="hotel">Sleep <parameter name="where" length="4" scaffold="well"/>.</module>
          <module name="train">Go by train.</module>
          <scaffold modules="hotel train"/>
        </schema>
        """;

    private static readonly Tokenizer Demo = Tokenizer.Load(Repository.DemoModel);
    private static readonly SchemaCompiler Schemas = new(Demo, renderer: null, MaxModelLength);
    private static readonly ModuleTable Table = new(Schemas.Compile(PmlSchemaReader.Read(Trip)), Digest.Of("root"u8));
    private static readonly PromptCompiler Compiler = new(Demo, MaxModelLength);

    [Fact]
    public void Compile_ModulesInAnyOrder_AreImportedInTheSchemasOrder()
    {
        var one = Compile("What now?", Module("train"), Module("florida/miami", ("days", "two")), Module("florida"));
        var other = Compile("What now?", Module("florida"), Module("florida/miami", ("days", "two")), Module("train"));

        Assert.Equal(["", "florida", "florida/miami", "train"], one.ImportPaths);
        Assert.Equal(one.Tokens, other.Tokens);
        Assert.Equal(one.Positions, other.Positions);
        Assert.Equal(one.Imports, other.Imports);

        // The imports' tokens, the argument in its slot, the new text from the schema's length on.
        var (argument, text) = (Demo.EncodeToIds("two", false), Demo.EncodeToIds("What now?", false));
        Assert.Equal([.. one.Imports.SelectMany(import => import.Tokens), .. argument, .. text], one.Tokens);
        var slot = Assert.Single(Table.Schema.Modules[Table.Schema.Find("florida/miami")].Parameters).Position;
        Assert.Equal(
            [.. one.Imports.SelectMany(import => import.Positions), .. Enumerable.Range(slot, argument.Length), .. Enumerable.Range(Table.Schema.Length, text.Length)],
            one.Positions);
        Assert.Equal(Table.Schema.Length + text.Length, one.NextPosition);
        Assert.Equal(one.Positions.Length, one.Positions.Distinct().Count());
    }

    [Fact]
    public void Compile_NoArgument_LeavesTheSlotEmptyOrToItsScaffold()
    {
        var imports = Compile("x", Module("florida"), Module("florida/miami"), Module("hotel"));
        var well = Demo.EncodeToIds("well", false);
        Assert.Equal([.. imports.Imports.SelectMany(import => import.Tokens), .. well, .. Demo.EncodeToIds("x", false)], imports.Tokens);
    }

    [Fact]
    public void Compile_WholeScaffold_ImportsTheVariantThatSawIt()
    {
        var apart = Compile("x", Module("train"));
        var together = Compile("x", Module("train"), Module("hotel"));
        Assert.NotEqual(apart.Imports[^1].Key, together.Imports[^1].Key);
        Assert.Equal(together.Imports.SkipLast(1), together.Imports[^1].Context);
    }

    [Fact]
    public void Compile_TextBehindTheLastModule_IsComputedWithTheRequest()
    {
        var table = TableOf("<schema name='s'>Read. <module name='a'>A one.<module name='in'>Inner.</module> A two <parameter name='p' length='3'/> ends.</module> Between. <module name='b'>B one.</module> Answer.</schema>");
        var answer = Demo.EncodeToIds(" Answer.", false);

        // Behind b, whose own text stays imported, only the schema's; what stands between modules is imported as well.
        var both = Compile(table, Module("a"), Module("a/in"), Module("b"));
        Assert.Equal(["", "a", "a/in", "a", "", "b"], both.ImportPaths);
        AssertEnds(both, [.. answer, .. Demo.EncodeToIds("x", false)]);

        // Behind a/in also what a says after it, with the argument in its place, so that the text behind the argument sees it.
        var one = Compile(table, Module("a", ("p", "two")), Module("a/in"));
        Assert.Equal(["", "a", "a/in"], one.ImportPaths);
        AssertEnds(one, [.. Demo.EncodeToIds(" A two ", false), .. Demo.EncodeToIds("two", false), .. Demo.EncodeToIds(" ends.", false), .. Demo.EncodeToIds(" Between. ", false), .. answer, .. Demo.EncodeToIds("x", false)]);
        Assert.Equal(one.Positions.Order(), one.Positions);

        // A module without anything inside is imported to its end, and so is everything where no module is.
        Assert.Equal(["", "a", "a"], Compile(table, Module("a")).ImportPaths);
        Assert.Equal(["", "", ""], Compile(table).ImportPaths);
    }

    [Fact]
    public void Compile_RandomSelections_HoldEveryContextAndNoPositionTwice()
    {
        const int Seed = 20261126;
        var (prompts, compiler) = (0, new PromptCompiler(Demo, 1 << 20));
        var schemas = new SchemaCompiler(Demo, renderer: null, 1 << 20);
        for (var i = 0; i < 300; i++)
        {
            var random = new Random(Seed + i);
            var schema = schemas.Compile(new RandomSchemas(random).Next(messages: false));
            var table = new ModuleTable(schema, Digest.Of("root"u8));
            ModuleReference[] references = [.. schema.Modules.Skip(1).Where(_ => random.Next(3) > 0).Select(module => Module(module.Path, [.. module.Parameters.Where(_ => random.Next(2) == 0).Select(parameter => (parameter.Name, "one"))]))];
            random.Shuffle(references);
            var (prompt, failure) = compiler.Compile(table, references, "new text", "prompt");
            if (failure is not null)
            {
                Assert.Equal(RequestError.InvalidRequest, failure.Error);
                continue;
            }

            prompts++;
            Assert.Equal(prompt!.Positions.Length, prompt.Positions.Distinct().Count());
            var imported = prompt.Imports.Sum(import => import.Tokens.Count);
            Assert.Equal(prompt.Positions.Take(imported).Order(), prompt.Positions.Take(imported));
            for (var at = 0; at < prompt.Imports.Count; at++)
            {
                var before = prompt.Imports.Take(at).ToList();
                Assert.All(prompt.Imports[at].Context, context => Assert.Contains(context, before));
            }
        }

        Assert.True(prompts > 100, $"{prompts} prompts of 300");
    }

    [Fact]
    public void Compile_TextBetweenModules_GoesIntoTheGapIfItFits()
    {
        // Miami is shorter than Orlando: behind it lies a gap of the difference.
        var text = " Bring a hat.";
        var prompt = Compile("x", Module("florida"), Module("florida/miami"), Module("train") with { TextBefore = text });
        var (tokens, imported) = (Demo.EncodeToIds(text, false), prompt.Imports.Sum(import => import.Tokens.Count));
        var miami = Table.Schema.Modules[Table.Schema.Find("florida/miami")];
        Assert.Equal([.. Enumerable.Range(miami.Start + miami.Length, tokens.Length)], prompt.Positions.Skip(imported).Take(tokens.Length));

        var failure = Fail("x", Module("florida"), Module("florida/orlando"), Module("hotel") with { TextBefore = text });
        Assert.Equal("messages[0].content[7].text", failure.Parameter);
        Assert.Contains("the gap there has 0", failure.Message, StringComparison.Ordinal);
        Assert.Contains("the gap there has", Fail("x", Module("florida") with { TextBefore = "x" }, Module("hotel")).Message, StringComparison.Ordinal);
        Assert.Equal(2, Table.Schema.Find("florida/miami") - Table.Schema.Find("florida") + 1);
    }

    [Fact]
    public void Compile_TwoTextsBeforeModulesAtOnePosition_StandOneAfterTheOther()
    {
        var table = TableOf("<schema name='s'><module name='gap'>one two three four five six</module><module name='a'><module name='b'>B</module></module></schema>");
        var (prompt, failure) = Compiler.Compile(table, [Module("a") with { TextBefore = "x" }, Module("a/b") with { TextBefore = "y" }], "z", "prompt");
        Assert.Null(failure);
        Assert.Equal(prompt!.Positions.Length, prompt.Positions.Distinct().Count());
        Assert.Equal("B" + "xyz", Demo.Decode(prompt.Tokens, skipSpecialTokens: true));
    }

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "nowhere", "name", "no module 'nowhere'" },
        { "florida/nowhere", "name", "no module" },
        { "florida/miami", "name", "needs 'florida' around it" },
        { "miami", "name", "no module 'miami'" },
        { "", "name", "no module ''" },
        { "train train", "name", "named twice" },
        { "florida florida/miami florida/orlando", "name", "of one union" },
        { "hotel:who=me", "arguments", "no parameter 'who'" },
        { "hotel:where=in~a~very~very~nice~hotel~at~the~sea", "arguments.where", "there is room for 4" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Compile_Wrong_NamesTheField(string modules, string part, string message)
    {
        ModuleReference[] references = [.. modules.Split(' ').Select(Parse)];
        var failure = Fail("x", references);
        Assert.Equal(RequestError.InvalidRequest, failure.Error);
        Assert.Equal($"messages[0].content[7].{part}", failure.Parameter);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_NoOrTooMuchNewText_IsRefused()
    {
        Assert.Equal((RequestError.InvalidRequest, "messages"), (Fail("", Module("train")).Error, Fail("", Module("train")).Parameter));
        var failure = Fail(string.Concat(Enumerable.Repeat("word ", MaxModelLength)), Module("train"));
        Assert.Equal((RequestError.ContextTooLong, "messages"), (failure.Error, failure.Parameter));
    }

    private static ModuleReference Parse(string text)
    {
        var parts = text.Split(':', '=');
        return parts.Length == 1 ? Module(text) : Module(parts[0], (parts[1], parts[2].Replace('~', ' ')));
    }

    private static ModuleReference Module(string path, params IReadOnlyList<(string Name, string Text)> arguments) =>
        new() { Path = path, Field = "messages[0].content[7]", Arguments = arguments.ToDictionary(argument => argument.Name, argument => argument.Text) };

    private static ModuleTable TableOf(string pml) => new(Schemas.Compile(PmlSchemaReader.Read(pml)), Digest.Of("root"u8));

    private static CompiledPrompt Compile(string text, params IReadOnlyList<ModuleReference> references) => Compile(Table, text, references);

    private static CompiledPrompt Compile(ModuleTable table, params IReadOnlyList<ModuleReference> references) => Compile(table, "x", references);

    private static CompiledPrompt Compile(ModuleTable table, string text, IReadOnlyList<ModuleReference> references)
    {
        var (prompt, failure) = Compiler.Compile(table, references, text, "messages");
        Assert.Null(failure);
        return prompt!;
    }

    private static void AssertEnds(CompiledPrompt prompt, int[] own) => Assert.Equal(own, prompt.Tokens.Skip(prompt.Imports.Sum(import => import.Tokens.Count)));

    private static RequestFailure Fail(string text, params IReadOnlyList<ModuleReference> references)
    {
        var (prompt, failure) = Compiler.Compile(Table, references, text, "messages");
        Assert.Null(prompt);
        return failure!;
    }
}
