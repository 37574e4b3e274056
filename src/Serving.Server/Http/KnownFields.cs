using System.Collections.Frozen;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Http;

/// <summary>
/// Fields that clients of other servers send and this one has no use for: harmless ones, ones that are refused unless their value asks for nothing, and the rest,
/// which nobody knows.
/// </summary>
internal static class KnownFields
{
    // Labels and hints that change no answer.
    private static readonly FrozenSet<string> Harmless = new[]
    {
        "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "parallel_tool_calls", "request_id",
    }.ToFrozenSet();

    // Each with the values that ask for what is done anyway; null always does.
    private static readonly FrozenDictionary<string, Func<JsonElement, bool>> Refused = new Dictionary<string, Func<JsonElement, bool>>
    {
        ["functions"] = IsEmptyList,
        ["function_call"] = value => IsText(value, "none", "auto"),
        ["audio"] = Never,
        ["modalities"] = value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => IsText(item, "text")),
        ["best_of"] = value => IsNumber(value, 1),
        ["prompt_logprobs"] = Never,
        ["suffix"] = value => IsText(value, ""),
        ["guided_decoding_backend"] = Never,
        ["guided_whitespace_pattern"] = Never,
        ["structural_tag"] = Never,
        ["use_beam_search"] = value => value.ValueKind == JsonValueKind.False,
        ["length_penalty"] = value => IsNumber(value, 1),
        ["truncate_prompt_tokens"] = Never,
        ["truncation_side"] = value => IsText(value, "left"),
        ["skip_special_tokens"] = value => value.ValueKind == JsonValueKind.True,
        ["spaces_between_special_tokens"] = value => value.ValueKind == JsonValueKind.True,
        ["include_stop_str_in_output"] = value => value.ValueKind == JsonValueKind.False,
        ["add_special_tokens"] = Never,
        ["continue_final_message"] = value => value.ValueKind == JsonValueKind.False,
        ["chat_template"] = Never,
        ["documents"] = IsEmptyList,
        ["mm_processor_kwargs"] = Never,
        ["media_io_kwargs"] = Never,
        ["return_tokens_as_token_ids"] = value => value.ValueKind == JsonValueKind.False,
        ["return_token_ids"] = value => value.ValueKind == JsonValueKind.False,
        ["cache_salt"] = Never,
        ["prompt_embeds"] = Never,
        ["logits_processors"] = IsEmptyList,
        ["kv_transfer_params"] = Never,
        ["vllm_xargs"] = Never,
        ["thinking_token_budget"] = Never,
        ["thinking_budget_tokens"] = value => IsNumber(value, -1),
        ["reasoning_effort"] = value => IsText(value, "none"),
        ["include_reasoning"] = value => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        ["verbosity"] = value => IsText(value, "medium"),
        ["prediction"] = Never,
        ["web_search_options"] = Never,
        ["store"] = value => value.ValueKind == JsonValueKind.False,
        ["service_tier"] = value => IsText(value, "auto", "default"),

        // Those of other endpoints, where a body has none: max_completion_tokens of a completion would be 16 tokens without a word.
        ["messages"] = Never,
        ["prompt"] = Never,
        ["input"] = Never,
        ["max_completion_tokens"] = Never,
        ["max_output_tokens"] = Never,
        ["top_logprobs"] = value => IsNumber(value, 0),
        ["tools"] = IsEmptyList,
        ["tool_choice"] = value => IsText(value, "none", "auto"),
        ["embed_dtype"] = value => IsText(value, "float32"),
        ["endianness"] = value => IsText(value, "native", "little"),
        ["use_activation"] = Never,
        ["activation"] = Never,
        ["softmax"] = Never,
        ["rank_fields"] = Never,
        ["max_chunks_per_doc"] = Never,
        ["max_tokens_per_doc"] = Never,
        ["is_3d_lora_weight"] = value => value.ValueKind == JsonValueKind.False,
    }.ToFrozenDictionary();

    /// <summary>Looks through the fields that a body's type does not declare.</summary>
    /// <param name="others">Those fields.</param>
    /// <param name="unknown">How many of them nobody knows.</param>
    /// <returns>A failure naming the first field that is known and not done.</returns>
    public static RequestFailure? Check(IReadOnlyDictionary<string, JsonElement>? others, out int unknown)
    {
        unknown = 0;
        foreach (var (name, value) in others ?? FrozenDictionary<string, JsonElement>.Empty)
        {
            if (!Refused.TryGetValue(name, out var asksForNothing))
            {
                unknown += Harmless.Contains(name) ? 0 : 1;
            }
            else if (value.ValueKind != JsonValueKind.Null && !(JsonStrings.AreText(value) && asksForNothing(value)))
            {
                return NotSupported(name, value);
            }
        }

        return null;
    }

    /// <summary>The failure of a field that is known and not done.</summary>
    public static RequestFailure NotSupported(string name, JsonElement value)
    {
        var given = value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False ? $" {JsonBody.Echo(value.GetRawText())}" : "";
        return new RequestFailure(RequestError.NotSupported, $"{name}{given} is not supported.", name);
    }

    /// <summary>Whether a value is one of some texts; one that holds half a character is none.</summary>
    public static bool IsText(JsonElement value, params ReadOnlySpan<string> texts)
    {
        foreach (var text in texts)
        {
            if (value.ValueKind == JsonValueKind.String && JsonStrings.AreText(value) && value.ValueEquals(text))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Never(JsonElement value) => false;

    private static bool IsNumber(JsonElement value, int number) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var given) && given == number;

    private static bool IsEmptyList(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;
}
