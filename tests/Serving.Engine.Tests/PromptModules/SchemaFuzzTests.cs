using System.Text;
using Serving.Core.Memory;
using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;
using Serving.Engine.Tests.Loading;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.PromptModules;

/// <summary>Schemas and prompts that are almost right: they are read or refused, with a reason that is fit to be shown, and never anything else.</summary>
public sealed class SchemaFuzzTests
{
    private const int Seed = 20261126;
    private static readonly Tokenizer Demo = Tokenizer.Load(Repository.DemoModel);
    private static readonly SchemaCompiler Schemas = new(Demo, renderer: null, 2048);

    private static readonly string[] Tokens =
    [
        "<", ">", "</", "/>", "<module name=\"", "<union>", "</union>", "<parameter name='p' length='", "<scaffold modules='a b'/>", "<![CDATA[", "]]>", "<!--", "-->", "&#0;", "&amp;", "&x;",
        "<!DOCTYPE a [<!ENTITY x '&y;&y;'>]>", "<?xml version='1.1'?>", "xml:space='preserve'", "xmlns='a'", "\ud800", "\0", "\ufffe", "99999999999", "-1", "<user/>", "<assistant>", "\u2028", "ſchema",
    ];

    [Fact]
    public void Read_MutatedPml_IsReadOrRefused()
    {
        var (random, read) = (new Random(Seed), 0);
        for (var i = 0; i < 3000; i++)
        {
            var source = Mutate(RandomSchemas.ToPml(new RandomSchemas(new Random(Seed + (i % 50))).Next(messages: i % 2 == 0)), random);
            read += Holds(() => Schemas.Compile(PmlSchemaReader.Read(source)), source) ? 1 : 0;
        }

        Assert.InRange(read, 50, 2900);
    }

    [Fact]
    public void Read_MutatedJson_IsReadOrRefused()
    {
        var (mutator, read) = (new Mutator(Seed), 0);
        for (var i = 0; i < 3000; i++)
        {
            var json = Encoding.UTF8.GetBytes(SchemaJsonWriter.Write(new RandomSchemas(new Random(Seed + (i % 50))).Next(messages: false)).GetRawText());
            var source = mutator.Mutate(json, json.Length);
            read += Holds(() => Schemas.Compile(JsonSchemaReader.Read(source)), Convert.ToBase64String(source)) ? 1 : 0;
        }

        Assert.InRange(read, 50, 2900);
    }

    [Fact]
    public void Compile_MutatedPrompts_AreCompiledOrRefused()
    {
        const string Prompt = "<prompt schema='s'>\n<plan days='two'><miami/></plan>, then <train/>What now?<user>Go.</user><assistant/></prompt>";
        var table = new ModuleTable(Schemas.Compile(PmlSchemaReader.Read("<schema name='s'>x<module name='plan'><parameter name='days' length='3'/><union><module name='miami'>M</module><module name='maui'>a b c d e f</module></union></module><module name='train'>T</module></schema>")), Digest.None);
        var (random, compiler, read) = (new Random(Seed), new PromptCompiler(Demo, 256), 0);
        for (var i = 0; i < 3000; i++)
        {
            var source = Mutate(Prompt, random);
            read += Holds(
                () =>
                {
                    var prompt = PmlPromptReader.Read(source, 1 << 16);
                    var (compiled, failure) = compiler.Compile(table, prompt.Modules, string.Concat(prompt.Pieces.Select(piece => piece.Text)), "prompt");
                    Assert.True(compiled is null ? failure is { Parameter: "prompt", Message.Length: < 1000 } : compiled.Tokens.Length == compiled.Positions.Length, source);
                },
                source) ? 1 : 0;
        }

        Assert.InRange(read, 50, 2900);
    }

    private static bool Holds(Action act, string source)
    {
        try
        {
            act();
            return true;
        }
        catch (PromptSchemaException refused)
        {
            Assert.True(refused.Message.Length < 1000 && !refused.Message.Any(char.IsControl) && refused.At is { Line: >= 0, Column: >= 0 }, $"{source}: {refused.Message}");
            return false;
        }
        catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
        {
            throw new InvalidOperationException($"seed {Seed}: {source}", exception);
        }
    }

    private static string Mutate(string source, Random random)
    {
        var text = new StringBuilder(source);
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(text.Length + 1);
            var length = Math.Min(random.Next(1, 30), text.Length - at);
            switch (random.Next(4))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, text.ToString(at, length));
                    break;
                case 2:
                    text.Insert(at, Tokens[random.Next(Tokens.Length)]);
                    break;
                case 3 when at < text.Length:
                    text[at] = (char)random.Next(0x100);
                    break;
            }
        }

        return text.ToString();
    }
}
