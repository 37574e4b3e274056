using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Tests.Grammars.Masks;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.PromptModules;

public sealed class SchemaCompilerTests
{
    private const int Seed = 20261126;
    private static readonly Tokenizer Demo = Tokenizer.Load(Repository.DemoModel);
    private static readonly SchemaCompiler Compiler = new(Demo, renderer: null, 1 << 20);
    private static readonly Digest Root = Digest.Of("root"u8);

    [Fact]
    public void Compile_RandomSchemas_GivesEveryTokenThePlaceOfTheDefinition()
    {
        for (var i = 0; i < 300; i++)
        {
            var schema = new RandomSchemas(new Random(Seed + i)).Next(messages: false);
            var compiled = Compiler.Compile(schema);
            var expected = new List<(string Path, int Position, int Token)>();
            var length = Place(schema.Children, "", 1, expected);
            expected.Insert(0, ("", 0, Demo.BosTokenId!.Value));

            var actual = compiled.Runs.SelectMany(run => run.Tokens.Select((token, at) => (compiled.Modules[run.Module].Path, run.Positions[at], token)));
            Assert.Equal(expected, actual);
            Assert.Equal(length, compiled.Length);
            Assert.Equal(length, compiled.Modules[0].Length);
        }
    }

    [Fact]
    public void Compile_RandomSchemas_RunsAttendToWhatIsPresentBeforeThemOnly()
    {
        for (var i = 0; i < 300; i++)
        {
            var compiled = Compiler.Compile(new RandomSchemas(new Random(Seed + i)).Next(messages: false));
            var refs = new ModuleTable(compiled, Root).Runs(-1);
            for (var r = 0; r < refs.Count; r++)
            {
                var path = PathOf(compiled, r);
                var expected = Enumerable.Range(0, r).Where(before => PathOf(compiled, before) is var other && (other.Length == 0 || path == other || path.StartsWith(other + "/", StringComparison.Ordinal)));
                Assert.Equal(expected.Select(before => refs[before].Key), refs[r].Context.Select(context => context.Key));
                Assert.Equal(refs[r].Positions.Order(), refs[r].Positions);
            }

            Assert.Equal(refs.Count, refs.Select(reference => reference.Key).Distinct().Count());
        }
    }

    [Fact]
    public void Runs_SiblingsTextChanges_ChangesNoKeyButItsOwnAndThoseInside()
    {
        var names = new[] { "a", "b", "c", "b/x", "b/y" };
        var plain = Keys("17", out var compiled);
        Assert.Equal(plain, Keys("17", out _));
        var changed = Keys("42", out var other);

        Assert.Equal(compiled.Runs.Select(run => run.Positions), other.Runs.Select(run => run.Positions));
        Assert.Equal(["b", "b/x", "b/y", "b"], Enumerable.Range(0, plain.Count).Where(r => plain[r] != changed[r]).Select(r => PathOf(compiled, r)));
        Assert.All(names, name => Assert.True(compiled.Find(name) > 0, name));

        static IReadOnlyList<Digest> Keys(string secret, out CompiledSchema compiled)
        {
            compiled = Compiler.Compile(PmlSchemaReader.Read($"""
                <schema name="s">Read.<module name="a">A</module>
                  <module name="b">{secret}<module name="x">X</module><union><module name="y">Y</module></union>end</module>
                  <module name="c">C</module>done.</schema>
                """));
            return [.. new ModuleTable(compiled, Root).Runs(-1).Select(reference => reference.Key)];
        }
    }

    [Fact]
    public void Runs_AnotherRoot_SharesNoKey()
    {
        var compiled = Compiler.Compile(PmlSchemaReader.Read("<schema name='s'>Read.<module name='a'>A</module></schema>"));
        Digest[] roots = [ModuleKeys.Root(Root, Digest.None, Digest.None), ModuleKeys.Root(Root, Digest.Of("adapter"u8), Digest.None), ModuleKeys.Root(Root, Digest.None, Digest.Of("salt"u8))];
        var keys = roots.SelectMany(root => new ModuleTable(compiled, root).Runs(-1)).Select(reference => reference.Key).ToList();
        Assert.Equal(keys.Count, keys.Distinct().Count());
    }

    [Fact]
    public void Runs_Scaffold_MembersSeeMembersBeforeThem()
    {
        var compiled = Compiler.Compile(PmlSchemaReader.Read("""
            <schema name="s">Read.<module name="a">A</module><module name="b">B<module name="x">X</module></module><module name="c">C</module><scaffold modules="a c"/></schema>
            """));
        var table = new ModuleTable(compiled, Root);
        var (plain, together) = (table.Runs(-1), table.Runs(0));

        // Read., A, B, X, C
        Assert.Equal([0, 1, 1, 2, 1], plain.Select(reference => reference.Context.Count));
        Assert.Equal([0, 1, 1, 2, 2], together.Select(reference => reference.Context.Count));
        Assert.Equal(together[1].Key, together[4].Context[1].Key);
        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 5).Where(r => plain[r].Key == together[r].Key));
    }

    [Fact]
    public void Runs_Parameter_LeavesAGapAndItsTextDoesNotDependOnTheArgument()
    {
        var compiled = Compiler.Compile(PmlSchemaReader.Read("<schema name='s'><module name='a'>Stay<parameter name='d' length='4' scaffold='three'/> days</module></schema>"));
        var run = Assert.Single(compiled.Runs, run => run.Module == 1);
        var (stay, days) = (Demo.EncodeToIds("Stay", false), Demo.EncodeToIds(" days", false));
        Assert.Equal([.. stay, .. days], run.Tokens);
        Assert.Equal([.. Enumerable.Range(1, stay.Length), .. Enumerable.Range(1 + stay.Length + 4, days.Length)], run.Positions);
        var parameter = Assert.Single(compiled.Modules[1].Parameters);
        Assert.Equal((1 + stay.Length, 4), (parameter.Position, parameter.Length));
        Assert.Equal(Demo.EncodeToIds("three", false), parameter.Scaffold);
    }

    [Theory]
    [InlineData("<schema name='s'>{0}</schema>", "leaves no room")]
    [InlineData("<schema name='s'><module name='a'><parameter name='p' length='65536'/></module></schema>", "leaves no room")]
    [InlineData("<schema name='s'><module name='a'><parameter name='p' length='1' scaffold='one two three'/></module></schema>", "more than its length 1")]
    [InlineData("<schema name='s'><system>x</system></schema>", "no text of its own around a system message")]
    public void Compile_WhatTheModelCannotHold_IsRefused(string pml, string reason)
    {
        var small = new SchemaCompiler(Demo, renderer: null, 64);
        var schema = PmlSchemaReader.Read(pml.Replace("{0}", string.Concat(Enumerable.Repeat("red lamp ", 100)), StringComparison.Ordinal));
        Assert.Contains(reason, Assert.Throws<PromptSchemaException>(() => small.Compile(schema)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_MoreRunsThanAreAllowed_IsRefused()
    {
        var modules = string.Concat(Enumerable.Range(0, SchemaLimits.Runs).Select(i => $"<module name='m{i}'>x</module>"));
        var schema = PmlSchemaReader.Read($"<schema name='s'>{modules}</schema>");
        Assert.Contains("runs of text", Assert.Throws<PromptSchemaException>(() => Compiler.Compile(schema)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_ManyRoots_KeepsTheMostRecentWithinTheBound()
    {
        var compiled = Compiler.Compile(PmlSchemaReader.Read("<schema name='s'>x<module name='a'>A</module></schema>"));
        var bound = ObjectBytes.Of(compiled) + 4000;
        var cache = new ModuleTableCache(bound);
        var first = cache.Get(compiled, Root);
        for (byte i = 0; i < 20; i++)
        {
            cache.Get(compiled, Digest.Of([i]));
            Assert.Same(first, cache.Get(compiled, Root));
        }

        Assert.InRange(cache.Count, 2, 8);
    }

    /// <summary>Schemas that are replaced again and again, each used once: their tables do not keep them all.</summary>
    [Theory]
    [InlineData(1, 3000)]
    [InlineData(40, 3)]
    public void Get_ManyVersions_KeepsNoMoreThanTheBound(int modules, int words)
    {
        const int Bound = 200_000;
        var cache = new ModuleTableCache(Bound);
        for (var version = 0; version < 60; version++)
        {
            var text = string.Concat(Enumerable.Range(0, modules).Select(i => $"<module name='m{i}'>{version} {string.Concat(Enumerable.Repeat("red ", words / 3))}</module>"));
            var compiled = Compiler.Compile(PmlSchemaReader.Read($"<schema name='s'>{text}</schema>"));
            cache.Get(compiled, Root).Runs(-1);
        }

        var kept = ObjectBytes.Of(cache);
        Assert.True(kept is > Bound / 4 and < Bound * 3 / 2, $"{kept} bytes are kept in {cache.Count} tables");
    }

    // The definition: text takes its tokens, a parameter its length, a union its longest member, members start together.
    private static int Place(IEnumerable<SchemaNode> nodes, string path, int at, List<(string, int, int)> tokens)
    {
        foreach (var node in nodes)
        {
            switch (node)
            {
                case SchemaText text:
                    foreach (var token in Demo.EncodeToIds(Demo.Guard(text.Text), addSpecialTokens: false))
                    {
                        tokens.Add((path, at++, token));
                    }

                    break;
                case SchemaParameter parameter:
                    at += parameter.Length;
                    break;
                case SchemaModule module:
                    at = Place(module.Children, SchemaNames.Join(path, module.Name), at, tokens);
                    break;
                case SchemaUnion union:
                    at = union.Members.Max(member => Place([member], path, at, tokens));
                    break;
            }
        }

        return at;
    }

    private static string PathOf(CompiledSchema compiled, int run) => compiled.Modules[compiled.Runs[run].Module].Path;
}
