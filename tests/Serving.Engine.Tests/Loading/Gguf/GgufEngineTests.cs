using Serving.Engine.Tests.Demo;
using Serving.Engine.Tests.Running;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading.Gguf;

/// <summary>The bundled model as a GGUF file on the whole engine, with the adapters that were made for its folder.</summary>
public class GgufEngineTests
{
    /// <summary>The model as a file with adapters as folders, and as files, those of a tenant among them; and the model as a folder with adapters as files.</summary>
    [Fact]
    public async Task Chat_BundledModelAndItsAdapters_GiveTheFoldersTexts()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("demo.gguf"), GgufConverter.ConvertDemo(GgmlEncoder.BF16).ToArray());
        Directory.CreateDirectory(folder.PathOf("adapters", RunningEngine.Tenant.Id.Value));
        File.WriteAllBytes(folder.PathOf("adapters", "french.gguf"), GgufAdapterConverter.ConvertDemo("french").ToArray());
        File.WriteAllBytes(folder.PathOf("adapters", RunningEngine.Tenant.Id.Value, "acme.gguf"), GgufAdapterConverter.ConvertDemo("acme").ToArray());
        await using var fromFolder = RunningEngine.Start();
        await using var withFiles = RunningEngine.Start(change: options => options with { AdaptersRoot = folder.PathOf("adapters") });
        await using var allFiles = RunningEngine.Start(change: options => options with { Model = folder.PathOf("demo.gguf"), AdaptersRoot = folder.PathOf("adapters") });
        await using var fromFile = RunningEngine.Start(change: options => options with { Model = folder.Path });
        Assert.Equal(folder.PathOf("demo.gguf"), fromFile.Client.Description.ModelSource);
        Assert.Null(fromFile.Client.Description.WeightScheme);
        foreach (var model in new[] { "base", "french", "acme" })
        {
            foreach (var reference in ReferenceCase.Of(model).Take(3))
            {
                var request = RunningEngine.Chat(model, reference.Messages);
                var expected = (await fromFolder.RunAsync(request))[0].Text;
                Assert.Equal(expected, (await fromFile.RunAsync(request))[0].Text);
                Assert.Equal(expected, (await withFiles.RunAsync(request))[0].Text);
                Assert.Equal(expected, (await allFiles.RunAsync(request))[0].Text);
            }
        }
    }

    /// <summary>By itself a CPU serves a file of integers as integers: of bytes, and of four bits with minimums.</summary>
    [Theory]
    [InlineData("Q8_0", "int8")]
    [InlineData("Q4_1", "int4 with offsets and int8")]
    [InlineData("BF16", "bf16")]
    public async Task Start_WithoutASetting_KeepsWhatTheFileHas(string type, string weights)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("demo.gguf"), GgufConverter.ConvertDemo(GgmlEncoder.Of(type)).ToArray());
        await using var engine = RunningEngine.Start("cpu", change: options => options with { Model = folder.PathOf("demo.gguf") });
        Assert.Equal(weights, engine.Client.Description.Weights);
        var cases = ReferenceCase.Of("base").Take(10).ToList();
        var answers = await Task.WhenAll(cases.Select(reference => engine.RunAsync(RunningEngine.Chat("base", reference.Messages))));
        Assert.True(cases.Zip(answers, (reference, answer) => reference.OutputText == answer[0].Text).Count(equal => equal) >= 7);
    }

    [Fact]
    public async Task Start_BlocksOfIntegers_AreSaidAndKept()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("demo.gguf"), GgufConverter.ConvertDemo(GgmlEncoder.Q8).ToArray());
        await using var engine = RunningEngine.Start("auto", change: options => options with { Model = folder.PathOf("demo.gguf"), Quantization = "int8" });
        Assert.Equal(("int8", "GGUF, mostly Q8_0"), (engine.Client.Description.Weights, engine.Client.Description.WeightScheme));
        var cases = ReferenceCase.Of("base").Take(10).ToList();
        var answers = await Task.WhenAll(cases.Select(reference => engine.RunAsync(RunningEngine.Chat("base", reference.Messages))));
        Assert.True(cases.Zip(answers, (reference, answer) => reference.OutputText == answer[0].Text).Count(equal => equal) >= 8);
    }
}
