using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Testing.Models;

/// <summary>
/// A model folder whose greedy answer to any chat is known: each token of the answer is followed by the next one. Layers add nothing (o and down are zero), so that the
/// last token alone decides: its embedding is a unit vector of its own, and the row of the token that follows it in lm_head is the same vector.
/// </summary>
public static class ScriptedModel
{
    /// <summary>Tokens of an answer at most: what the tiny vocabulary leaves beside ASCII.</summary>
    public const int MaxPieces = TinyModel.Vocabulary - FirstPiece - 3;

    private const string End = "<|end|>";
    private const string Assistant = "<|assistant|>";

    // Printable ASCII and the line break.
    private const int FirstPiece = 96;

    /// <summary>Shows every tool as JSON, and calls of earlier messages as the bodies that are given.</summary>
    /// <param name="call">A template of one call, in which <c>call</c> is the function that is called.</param>
    /// <param name="before">What stands before the calls of a message.</param>
    /// <param name="after">What stands behind them.</param>
    public static string Template(string call, string before = "", string after = "") =>
        "{%- for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{% for message in messages %}<|turn|>{{ message.role }}\n{{ message.content }}"
        + "{% if message.tool_calls %}" + before + "{% for item in message.tool_calls %}{% set call = item.function %}" + call + "{% endfor %}" + after + "{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}" + Assistant + "{% endif %}";

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="template">The chat template; an answer begins behind <c>&lt;|assistant|&gt;</c>, with which it ends.</param>
    /// <param name="pieces">The answer's tokens, all different; one in the form of <c>&lt;|…|&gt;</c> or <c>[…]</c> is special.</param>
    public static void Write(string folder, string template, params IReadOnlyList<string> pieces) => WriteWithEnd(folder, template, End, pieces);

    /// <summary>Writes the folder of a model whose answers end with another token.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="template">The chat template.</param>
    /// <param name="end">The token that ends an answer.</param>
    /// <param name="pieces">The answer's tokens.</param>
    public static void WriteWithEnd(string folder, string template, string end, params IReadOnlyList<string> pieces)
    {
        if (pieces.Count > MaxPieces || pieces.Distinct().Count() != pieces.Count)
        {
            throw new ArgumentException($"An answer has at most {MaxPieces} tokens, all different.", nameof(pieces));
        }

        var model = new TinyModel("LlamaForCausalLM");
        model.Config["max_position_embeddings"] = 4096;
        model.Config["eos_token_id"] = FirstPiece;
        Script(model, pieces.Count);
        model.Write(folder);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Tokenizer(end, pieces).ToJsonString());
        var config = new JsonObject { ["eos_token"] = end, ["chat_template"] = template };
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config.ToJsonString(JsonSerializerOptions.Default));
    }

    // Ids: ASCII, then the end, <|turn|>, <|assistant|>, then the answer.
    private static void Script(TinyModel model, int pieces)
    {
        foreach (var (name, (_, values)) in model.Tensors)
        {
            Array.Fill(values, name.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0);
        }

        var (embedding, output) = (model.Tensors["model.embed_tokens.weight"].Values, model.Tensors["lm_head.weight"].Values);
        for (var place = 0; place <= pieces; place++)
        {
            var (token, next) = (FirstPiece + 2 + place, place == pieces ? FirstPiece : FirstPiece + 3 + place);
            embedding[(token * TinyModel.Hidden) + place] = 1;
            output[(next * TinyModel.Hidden) + place] = 1;
        }
    }

    private static JsonObject Tokenizer(string end, IReadOnlyList<string> pieces)
    {
        var vocabulary = new JsonObject { ["\n"] = 0 };
        for (var c = ' '; c <= '~'; c++)
        {
            vocabulary[c.ToString()] = c - ' ' + 1;
        }

        var added = new JsonArray();
        string[] tokens = [end, "<|turn|>", Assistant, .. pieces];
        for (var i = 0; i < tokens.Length; i++)
        {
            vocabulary[tokens[i]] = FirstPiece + i;
            var isSpecial = i < 3 || tokens[i] is ['<', '|', .., '|', '>'] or ['[', .., ']'];
            added.Add(new JsonObject { ["id"] = FirstPiece + i, ["content"] = tokens[i], ["special"] = isSpecial, ["normalized"] = false });
        }

        return new JsonObject
        {
            ["added_tokens"] = added,
            ["decoder"] = new JsonObject { ["type"] = "Fuse" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["merges"] = new JsonArray(), ["vocab"] = vocabulary },
        };
    }
}
