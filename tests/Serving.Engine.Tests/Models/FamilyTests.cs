using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Models;

/// <summary>Every family, loaded from files and run, against the same model written down plainly.</summary>
public class FamilyTests
{
    public static TheoryData<string, bool, bool> Variants => new(
        from architecture in new[] { "LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM" }
        from tied in new[] { false, true }
        from biased in new[] { false, true }
        where !biased || architecture is "LlamaForCausalLM" or "Qwen3ForCausalLM"
        select (architecture, tied, biased));

    [Theory]
    [MemberData(nameof(Variants))]
    public void Program_OfEveryFamily_ComputesThePublishedModel(string architecture, bool tied, bool biased)
    {
        using var folder = new TemporaryFolder();
        var model = Make(architecture, tied, biased);
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        int[] tokens = [.. Enumerable.Range(0, 40).Select(i => (i * 37 % 127) + 1)];
        var plain = new PlainDecoder(model);
        runner.Append(tokens[..33]);
        Compare(plain.Logits(tokens[..33]), runner.Logits(32));
        runner.Append(tokens[33..]);
        Compare(plain.Logits(tokens), runner.Logits(6));
    }

    /// <summary>The decoder of a checkpoint that sees images, too, in both spellings of its tensors' names, with tensors of the parts that are not served.</summary>
    [Theory]
    [InlineData("language_model.model.", "vision_tower.")]
    [InlineData("model.language_model.", "model.vision_tower.")]
    public void Program_OfADecoderThatIsAPart_ComputesTheDecoder(string prefix, string vision)
    {
        var model = Make("Gemma3ForCausalLM", tied: true, biased: false);
        int[] tokens = [.. Enumerable.Range(0, 20).Select(i => (i * 37 % 127) + 1)];
        var expected = new PlainDecoder(model).Logits(tokens);
        model.MakePart(prefix, vision);
        using var folder = new TemporaryFolder();
        model.Write(folder.Path);
        using var runner = new ModelRunner(folder.Path, 48);
        runner.Append(tokens);
        Compare(expected, runner.Logits(19));
    }

    private static void Compare(double[] expected, ReadOnlySpan<float> actual)
    {
        // A wrong bias, norm or rotation moves logits by more than a tenth of their spread; fp32 against double by less than a thousandth.
        var tolerance = 1e-3 * (expected.Max() - expected.Min());
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }

    private static TinyModel Make(string architecture, bool tied, bool biased)
    {
        var model = new TinyModel(architecture, seed: 7) { Config = { ["tie_word_embeddings"] = tied } };
        if (tied)
        {
            model.Tensors.Remove("lm_head.weight");
        }

        if (biased)
        {
            model.Config["attention_bias"] = true;
            model.AddOutputBiases();
        }

        if (biased || architecture == "Qwen2ForCausalLM")
        {
            model.AddQkvBiases();
        }

        if (biased && architecture == "LlamaForCausalLM")
        {
            model.Config["mlp_bias"] = true;
            model.AddMlpBiases();
        }

        if (architecture.StartsWith("Gemma", StringComparison.Ordinal))
        {
            model.MakeGemma(architecture[5] - '0');
        }

        if (architecture == "Qwen3ForCausalLM")
        {
            model.AddHeadNorms();
        }

        return model;
    }
}
