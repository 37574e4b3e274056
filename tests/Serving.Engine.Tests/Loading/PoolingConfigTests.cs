using System.Text;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Testing;

namespace Serving.Engine.Tests.Loading;

/// <summary>What Sentence Transformers' files say of embeddings.</summary>
public sealed class PoolingConfigTests
{
    /// <summary>As Qwen3-Embedding has them.</summary>
    private const string Modules = """
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
         {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
        """;

    private const string LastToken = """{"word_embedding_dimension": 1024, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": false, "pooling_mode_lasttoken": true, "include_prompt": true}""";

    [Theory]
    [InlineData(Modules, LastToken, null)]
    [InlineData(Modules, """{"pooling_mode": "lasttoken"}""", null)]
    [InlineData(Modules, """{"pooling_mode": "mean"}""", "pooling 'mean'")]
    [InlineData(Modules, """{"pooling_mode_mean_tokens": true, "pooling_mode_lasttoken": false}""", "pooling 'mean_tokens'")]
    [InlineData(Modules, """{"pooling_mode_mean_tokens": true, "pooling_mode_lasttoken": true}""", "pooling 'mean_tokens'")]
    [InlineData(Modules, null, null)]
    [InlineData(null, LastToken, null)]
    [InlineData("""[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]""", LastToken, "a module of type 'sentence_transformers.models.Dense'")]
    public void Refusal_OfAFolder_SaysWhatIsNotDone(string? modules, string? pooling, string? expected)
    {
        using var folder = Folder(modules, pooling);
        Assert.Equal(expected, PoolingConfig.Refusal(folder.Path));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("[{\"path\": 1}]")]
    [InlineData("[{\"path\": \"..\", \"type\": \"sentence_transformers.models.Pooling\"}]")]
    [InlineData("[{\"path\": \"../../secret\", \"type\": \"sentence_transformers.models.Pooling\"}]")]
    [InlineData("[{\"path\": \"/etc\", \"type\": \"sentence_transformers.models.Pooling\"}]")]
    [InlineData("[")]
    public void Refusal_OfMalformedModules_IsAnError(string modules)
    {
        using var folder = Folder(modules, LastToken);
        Assert.Throws<ModelFormatException>(() => PoolingConfig.Refusal(folder.Path));
    }

    [Fact]
    public void Refusal_OfMutatedFiles_IsAnAnswerOrAnError()
    {
        var mutator = new Mutator(5);
        for (var i = 0; i < 3000; i++)
        {
            var modules = mutator.Mutate(Encoding.UTF8.GetBytes(Modules), Modules.Length);
            var pooling = mutator.Mutate(Encoding.UTF8.GetBytes(LastToken), LastToken.Length);
            try
            {
                PoolingConfig.Refusal(PoolingConfig.ParseModules(modules), path => path.Length == 0 ? null : pooling);
            }
            catch (MalformedFileException)
            {
                // What any parser of outside data says.
            }
        }
    }

    private static TemporaryFolder Folder(string? modules, string? pooling)
    {
        var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.PathOf("1_Pooling"));
        Write("modules.json", modules);
        Write(Path.Combine("1_Pooling", "config.json"), pooling);
        return folder;

        void Write(string name, string? text)
        {
            if (text is not null)
            {
                File.WriteAllText(folder.PathOf(name), text);
            }
        }
    }
}
