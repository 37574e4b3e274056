using System.Text;
using System.Text.Json.Nodes;
using Serving.Engine.Loading.Gguf;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.Models;

/// <summary>
/// Trained models of others, against what unmodified llama2.c writes with them. Its fp32 weights are rounded to bf16 here, so the texts part
/// where two tokens are almost equally likely; a wrong row, pair or norm would part them at the first word.
/// </summary>
public class PublishedModelTests
{
    private const int Tokens = 160;
    private const int EqualCharacters = 300;

    [Fact]
    public void Stories260K_Greedy_BeginsLikeTheReference()
    {
        var source = Repository.SharedData("models", "stories260K");
        using var folder = new TemporaryFolder();
        new Llama2cModel(Path.Combine(source, "stories260K.bin")).Write(folder.Path);
        var pieces = Llama2cModel.ReadPieces(Path.Combine(source, "tok512.bin"), 512);
        var text = Run(folder.Path, [1], token => pieces[token]);
        Compare(Path.Combine(source, "derived", "greedy_t0_n200.txt"), text);
    }

    [Fact]
    public void Stories260K_GreedyFromGguf_BeginsLikeTheReference()
    {
        var path = Repository.SharedData("models", "stories260K", "stories260K.gguf");
        var model = GgufModel.Open(path);
        var tokenizer = Tokenizer.Parse(model.TokenizerText, model.TokenizerConfigText);
        Assert.Equal(1, tokenizer.BosTokenId);
        Compare(Path.Combine(Path.GetDirectoryName(path)!, "derived", "greedy_t0_n200.txt"), Run(path, tokenizer.EncodeToIds("", addSpecialTokens: true), tokenizer.IdToToken));
    }

    [Fact]
    public void TinyStories656K_Greedy_BeginsLikeTheReference()
    {
        var source = Repository.SharedData("models", "hf-story-llama");
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(source, "model.safetensors"), folder.PathOf("model.safetensors"));

        // The reference was made with llama2.c's epsilon, which the config does not share.
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        config["rms_norm_eps"] = 1e-5;
        File.WriteAllText(folder.PathOf("config.json"), config.ToJsonString());
        var tokenizer = Tokenizer.Load(source);
        var prompt = tokenizer.EncodeToIds("Once upon a time", addSpecialTokens: false);
        var text = Run(folder.Path, [1, .. prompt], token => tokenizer.IdToToken(token));
        Compare(Path.Combine(source, "derived", "greedy_t0_n160_once_upon_a_time.txt"), "Once upon a time" + text);
    }

    private static string Run(string folder, int[] prompt, Func<int, string> piece)
    {
        using var runner = new ModelRunner(folder, prompt.Length + Tokens);
        var text = new StringBuilder();
        var token = runner.Append(prompt)[^1];
        for (var i = 0; i < Tokens; i++)
        {
            text.Append(piece(token));
            token = runner.Append(token)[0];
        }

        return text.Replace('\u2581', ' ').Replace("<0x0A>", "\n").ToString();
    }

    private static void Compare(string reference, string text)
    {
        Assert.Equal(File.ReadAllText(reference).TrimStart()[..EqualCharacters], text.TrimStart()[..EqualCharacters]);
    }
}
