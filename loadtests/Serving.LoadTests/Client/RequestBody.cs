using System.Buffers;
using System.Text.Json;
using Serving.LoadTests.Scenarios;
using Serving.LoadTests.Workload;

namespace Serving.LoadTests.Client;

/// <summary>Requests as bytes: greedy, streamed with token counts in every event, of an exact number of tokens.</summary>
internal static class RequestBody
{
    /// <summary>A completion of token ids.</summary>
    public static byte[] Completion(PlannedRequest request, IReadOnlyList<int> prompt) => Write(request, json =>
    {
        json.WriteStartArray("prompt");
        foreach (var token in prompt)
        {
            json.WriteNumberValue(token);
        }

        json.WriteEndArray();
    });

    /// <summary>A chat about documents, imported or written out.</summary>
    public static byte[] Chat(PlannedRequest request, string question, Documents documents, ModulePrompt shape) => Write(request, json =>
    {
        if (!shape.AsText)
        {
            json.WriteString("prompt_schema", documents.Schema);
        }

        json.WriteStartArray("messages");
        if (shape.AsText)
        {
            Message(json, "system", Documents.Opening + string.Concat(request.Documents.Select(document => documents.Texts[document])));
            Message(json, "user", question);
        }
        else
        {
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteStartArray("content");
            foreach (var document in request.Documents)
            {
                Part(json, "prompt_module", "name", Documents.NameOf(document));
            }

            Part(json, "text", "text", question);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    /// <summary>The schema that holds the documents.</summary>
    public static byte[] Schema(Documents documents) => Json(json =>
    {
        json.WriteStartObject("schema");
        json.WriteString("name", documents.Schema);
        json.WriteStartArray("content");
        json.WriteStartObject();
        json.WriteString("type", "system");
        json.WriteStartArray("content");
        json.WriteStringValue(Documents.Opening);
        for (var i = 0; i < documents.Texts.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("type", "module");
            json.WriteString("name", Documents.NameOf(i));
            json.WriteString("content", documents.Texts[i]);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "user");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>A text to be encoded as it stands.</summary>
    public static byte[] Tokenize(string text) => Json(json =>
    {
        json.WriteString("prompt", text);
        json.WriteBoolean("add_special_tokens", false);
    });

    private static byte[] Write(PlannedRequest request, Action<Utf8JsonWriter> prompt) => Json(json =>
    {
        json.WriteString("model", request.Model);
        prompt(json);
        json.WriteNumber("max_tokens", request.OutputTokens);
        json.WriteNumber("temperature", 0);
        json.WriteBoolean("ignore_eos", true);
        json.WriteBoolean("stream", true);
        json.WriteStartObject("stream_options");
        json.WriteBoolean("include_usage", true);
        json.WriteBoolean("continuous_usage_stats", true);
        json.WriteEndObject();
    });

    private static void Message(Utf8JsonWriter json, string role, string content)
    {
        json.WriteStartObject();
        json.WriteString("role", role);
        json.WriteString("content", content);
        json.WriteEndObject();
    }

    private static void Part(Utf8JsonWriter json, string type, string name, string value)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteString(name, value);
        json.WriteEndObject();
    }

    private static byte[] Json(Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
