using System.Security.Cryptography;
using Serving.Engine.Loading;
using Serving.Engine.Loading.Peft;
using Serving.Engine.Models;
using Serving.LoadTests.Commands;
using Serving.Testing;
using Spectre.Console;

namespace Serving.LoadTests.Tests.Adapters;

/// <summary>The command that writes adapters, judged by the daemon's own reader of them.</summary>
public sealed class AdaptersCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Write_ForTheBundledModel_IsWhatTheDaemonReads()
    {
        var (code, output) = await InvokeAsync("--count", "5", "--rank", "8,16", "--targets", "down,q");

        Assert.True(code == ExitCodes.Good, output);
        Assert.Contains("5 adapters of rank 8, 16 on q, down: 0.", output, StringComparison.Ordinal);
        Assert.Contains("5 written, 0 were there", output, StringComparison.Ordinal);
        Assert.Equal(["load-00000", "load-00001", "load-00002", "load-00003", "load-00004"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var adapters = Enumerable.Range(0, 5).Select(i => Read(i, Repository.DemoModel)).ToArray();
        Assert.Equal([8, 16, 8, 16, 8], adapters.Select(adapter => adapter.Weights.Slices.Select(slice => slice.Rank).Distinct().Single()));
        Assert.All(adapters, adapter => Assert.Equal(6 * 2, adapter.Weights.Slices.Count));
        Assert.Equal(5, adapters.Select(adapter => adapter.Digest).Distinct().Count());
    }

    [Fact]
    public async Task Write_Defaults_AreRank8OnAttention()
    {
        await InvokeAsync("--count", "1");
        var slices = Read(0, Repository.DemoModel).Weights.Slices;
        Assert.Equal((6 * 4, 8), (slices.Count, slices[0].Rank));
    }

    [Fact]
    public async Task Write_AnotherBase_FitsIt()
    {
        var model = new Testing.Models.TinyModel("LlamaForCausalLM").Config.ToJsonString();
        using var file = new TemporaryFolder();
        await File.WriteAllTextAsync(file.PathOf("config.json"), model, CancellationToken.None);
        Assert.Equal(ExitCodes.Good, (await InvokeAsync("--count", "1", "--targets", "all", "--base", file.Path)).Code);
        var program = ModelRegistry.Build("tiny", ModelConfig.Parse(System.Text.Encoding.UTF8.GetBytes(model)), 32);
        Assert.Equal(program.Slices.Count, Read(0, program).Weights.Slices.Count);
    }

    /// <summary>Of a mixture of experts the projections of the MLP are those of every expert, under the family's names.</summary>
    [Theory]
    [InlineData("Qwen3MoeForCausalLM", "qwen3_moe")]
    [InlineData("MixtralForCausalLM", "mixtral")]
    public async Task Write_OfAMixture_ChangesEveryExpert(string architecture, string type)
    {
        var model = new Testing.Models.TinyModel(architecture);
        model.MakeMixture();
        model.Config["model_type"] = type;
        var config = model.Config.ToJsonString();
        using var file = new TemporaryFolder();
        await File.WriteAllTextAsync(file.PathOf("config.json"), config, CancellationToken.None);
        Assert.Equal(ExitCodes.Good, (await InvokeAsync("--count", "1", "--targets", "q,gate,up,down", "--base", file.Path)).Code);
        var program = ModelRegistry.Build("tiny", ModelConfig.Parse(System.Text.Encoding.UTF8.GetBytes(config)), 32);
        Assert.Equal(Testing.Models.TinyModel.Layers * (1 + (3 * 6)), Read(0, program).Weights.Slices.Count);
    }

    [Fact]
    public async Task Write_Twice_HasTheSameBytesAndWritesOnlyWhatIsMissing()
    {
        await InvokeAsync("--count", "3", "--seed", "7");
        var first = Digests();
        Directory.Delete(_folder.PathOf("load-00001"), recursive: true);

        // What a run that was ended midway leaves is written over.
        Directory.CreateDirectory(_folder.PathOf(".load-00001.part"));
        await File.WriteAllTextAsync(_folder.PathOf(".load-00001.part", "adapter_config.json"), "{", CancellationToken.None);
        var (code, output) = await InvokeAsync("--count", "3", "--seed", "7");

        Assert.Equal(ExitCodes.Good, code);
        Assert.Contains("1 written, 2 were there", output, StringComparison.Ordinal);
        Assert.Equal(first, Digests());
    }

    [Theory]
    [InlineData("seed")]
    [InlineData("file")]
    [InlineData("more")]
    [InlineData("config")]
    public async Task Write_OverSomethingElse_IsRefusedAndNothingIsWritten(string what)
    {
        await InvokeAsync("--count", "2", "--seed", "7");
        Directory.Delete(_folder.PathOf("load-00000"), recursive: true);
        var place = _folder.PathOf("load-00001");
        switch (what)
        {
            case "file":
                Directory.Delete(place, recursive: true);
                await File.WriteAllTextAsync(place, "mine", CancellationToken.None);
                break;
            case "more":
                await File.WriteAllTextAsync(Path.Combine(place, "notes.txt"), "mine", CancellationToken.None);
                break;
            case "config":
                await File.AppendAllTextAsync(Path.Combine(place, "adapter_config.json"), " ", CancellationToken.None);
                break;
            default:
                break;
        }

        var before = Digests();
        var (code, output) = await InvokeAsync("--count", "2", "--seed", what == "seed" ? "8" : "7");

        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains("load-00001 is there and is not what would be written", output, StringComparison.Ordinal);
        Assert.Equal(before, Digests());
    }

    [Theory]
    [InlineData("--count must be", "--count", "0")]
    [InlineData("--count must be", "--count", "65537")]
    [InlineData("--rank must be", "--count", "1", "--rank", "8,257")]
    [InlineData("--rank must be", "--count", "1", "--rank", "8,")]
    [InlineData("did you mean gate?", "--count", "1", "--targets", "q,gat")]
    [InlineData("there is no such file", "--count", "1", "--base", "/nowhere")]
    [InlineData("MiB are missing in", "--count", "65536", "--rank", "256", "--targets", "all", "--base", "LARGE")]
    [InlineData("are the most that are made here", "--count", "1", "--rank", "256", "--targets", "all", "--base", "HUGE")]
    public async Task Write_WhatCannotBeWritten_SaysWhyAndWritesNothing(string expected, params string[] args)
    {
        using var model = new TemporaryFolder();
        foreach (var (name, layers) in new[] { ("LARGE", 8), ("HUGE", 1000) })
        {
            var sizes = $$"""{"num_hidden_layers": {{layers}}, "hidden_size": 8192, "intermediate_size": 28672, "num_attention_heads": 64}""";
            await File.WriteAllTextAsync(model.PathOf(name), sizes, CancellationToken.None);
        }

        var (code, output) = await InvokeAsync([.. args.Select(arg => arg is "LARGE" or "HUGE" ? model.PathOf(arg) : arg)]);

        Assert.Equal(ExitCodes.Usage, code);
        Assert.Contains(expected, output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    public void Dispose() => _folder.Dispose();

    private AdapterContent Read(int number, string model) => Read(number, ModelRegistry.Build("m", ModelFolder.Open(model).Config, 32));

    private AdapterContent Read(int number, Compute.Programs.ModelProgram program)
    {
        byte[] File(string name) => System.IO.File.ReadAllBytes(_folder.PathOf($"load-0000{number}", name));
        return PeftAdapterReader.Read(File(PeftAdapterReader.ConfigName), File(PeftAdapterReader.WeightsName), program);
    }

    private string[] Digests() =>
        [.. Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path => $"{path} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)))}")];

    private async Task<(int Code, string Output)> InvokeAsync(params string[] args)
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = 1000;
        return (await LoadTestCommand.InvokeAsync(["adapters", "--out", _folder.Path, .. args], console, CancellationToken.None), output.ToString());
    }
}
