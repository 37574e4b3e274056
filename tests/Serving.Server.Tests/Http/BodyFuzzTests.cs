using System.Text;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Bodies that are almost right: none may make the server fail, whatever becomes of the request.</summary>
public sealed class BodyFuzzTests(ITestOutputHelper output)
{
    private const int Bodies = 20_000;
    private const int Senders = 4;

    private static readonly (string Path, string Body)[] Seeds =
    [
        ("/v1/chat/completions", """{"model":"base","messages":[{"role":"system","content":"be kind"},{"role":"user","content":[{"type":"text","text":"hé\ud83d\ude00"}]}],"max_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":3,"min_p":0.1,"n":2,"seed":7,"stop":["a","b"],"stop_token_ids":[1],"min_tokens":2,"bad_words":["x","y z"],"allowed_token_ids":[1,2],"logit_bias":{"5":-1.5},"logprobs":true,"top_logprobs":3,"presence_penalty":0.1,"frequency_penalty":0.2,"repetition_penalty":1.1,"stream":true,"stream_options":{"include_usage":true},"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto","user":"u","response_format":{"type":"text"},"chat_template_kwargs":{"a":[1]}}"""),
        ("/v1/chat/completions", """{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"x"},{"role":"user","content":"y"}],"max_completion_tokens":9,"functions":[],"modalities":["text"],"best_of":1}"""),
        ("/v1/chat/completions", """{"messages":[{"role":"user","content":"x"},{"role":"assistant","reasoning":"y","reasoning_content":"z","content":"w"}],"reasoning_effort":"none","include_reasoning":false}"""),
        ("/v1/responses", """{"model":"base","instructions":"be kind","input":[{"role":"user","content":[{"type":"input_text","text":"hé\ud83d\ude00"}]},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"r"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"o"},{"type":"item_reference","id":"msg_1_0"}],"tools":[{"type":"function","name":"f","parameters":{},"strict":false},{"type":"namespace","name":"n","description":"d","tools":[{"type":"function","name":"g"}]},{"type":"web_search"}],"tool_choice":{"type":"function","name":"f"},"metadata":{"a":"b"},"stream":true}"""),
        ("/v1/responses", """{"input":"x","max_output_tokens":5,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}},"verbosity":"medium"},"reasoning":{"effort":"medium","summary":"auto"},"include":["message.output_text.logprobs"],"top_logprobs":2,"store":true,"previous_response_id":"resp_1","truncation":"disabled","background":false,"top_p":0.5,"user":"u","safety_identifier":"s"}"""),
        ("/v1/chat/completions", """{"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{"name":"p","input":"x"}}]},{"role":"tool","tool_call_id":"1","content":"x"}],"tools":[{"type":"custom","custom":{"name":"p","description":"d","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}}}],"tool_choice":{"type":"custom","custom":{"name":"p"}},"stream":true}"""),
        ("/v1/responses", """{"input":[{"type":"custom_tool_call","call_id":"c","name":"p","input":"x"},{"type":"custom_tool_call_output","call_id":"c","output":"o"}],"tools":[{"type":"custom","name":"p","description":"d","format":{"type":"grammar","syntax":"regex","definition":"a"}},{"type":"namespace","name":"n","tools":[{"type":"custom","name":"q","format":{"type":"text"}}]}],"tool_choice":{"type":"custom","name":"p"},"stream":true}"""),
        ("/v1/responses", """{"input":"x","conversation":{"id":"conv_1"},"background":true,"store":true}"""),
        ("/v1/responses", """{"input":"x","background":true,"max_output_tokens":5}"""),
        ("/v1/conversations", """{"items":[{"role":"user","content":"hi"},{"type":"message","role":"assistant","id":"m","content":[{"type":"output_text","text":"ho"}]},{"type":"reasoning","summary":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}","status":"completed"},{"type":"custom_tool_call_output","call_id":"c","output":"o"}],"metadata":{"a":"b"}}"""),
        ("/v1/conversations/conv_1/items", """{"items":[{"role":"user","content":"hi"}]}"""),
        ("/v1/messages", """{"model":"base","max_tokens":5,"system":[{"type":"text","text":"be kind"}],"messages":[{"role":"user","content":[{"type":"text","text":"hé\ud83d\ude00","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"o"}]}]}],"tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"strict":false}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"stream":true}"""),
        ("/v1/messages", """{"max_tokens":2000,"messages":[{"role":"user","content":"x"}],"temperature":0.5,"top_k":3,"stop_sequences":["a"],"thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"},"output_config":{"effort":"medium","format":{"type":"json_schema","schema":{"type":"object"}}},"metadata":{"user_id":"u"},"service_tier":"auto","context_management":{"edits":[{"keep":"all"}]}}"""),
        ("/v1/messages/count_tokens", """{"model":"base","system":"s","messages":[{"role":"user","content":"x"},{"role":"system","content":[{"type":"text","text":"y"}]}],"tools":[{"name":"f","input_schema":{}}],"thinking":{"type":"disabled"}}"""),
        ("/v1/completions", """{"model":"pirate","prompt":["a","b"],"max_tokens":3,"logprobs":2,"echo":true,"n":2,"stop":"x","suffix":"","stream":false,"ignore_eos":false,"priority":1}"""),
        ("/v1/completions", """{"prompt":[[1,2],[3]],"stream":true,"temperature":0}"""),
        ("/v1/chat/completions", """{"prompt_schema":"trip","messages":[{"role":"user","content":[{"type":"prompt_module","name":"miami","arguments":{"days":"two"}},{"type":"text","text":"x"}]}]}"""),
        ("/v1/completions", """{"prompt_schema":"trip","prompt":"<prompt schema='trip'><miami days='two'/>x</prompt>"}"""),
        ("/v1/prompt_schemas", """{"pml":"<schema name='trip'>Plan.<module name='miami'>M<parameter name='days' length='4'/></module></schema>","pin":["base"],"ttl":60,"public":true}"""),
        ("/v1/prompt_schemas", """{"schema":{"name":"trip","content":["Plan.",{"type":"system","content":[{"type":"union","content":[{"type":"module","name":"a","content":"A"}]}]},{"type":"module","name":"b","content":[{"type":"parameter","name":"p","length":3,"scaffold":"x"}]}],"scaffolds":[["a","b"]]},"pin":"base"}"""),
        ("/v1/embeddings", """{"input":["a",[1,2]],"encoding_format":"base64","dimensions":2,"normalize":false,"truncate_prompt_tokens":3,"truncation_side":"left"}"""),
        ("/v1/embeddings", """{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"add_generation_prompt":true,"chat_template_kwargs":{"a":[1]},"truncate_prompt_tokens":-1}"""),
        ("/v1/rerank", """{"query":"a","documents":["b",{"text":"c"}],"top_n":1,"return_documents":false,"truncate_prompt_tokens":3}"""),
        ("/tokenize", """{"prompt":"to be or not","add_special_tokens":true,"return_token_strs":true}"""),
        ("/tokenize", """{"messages":[{"role":"user","content":"x"}],"tools":null}"""),
        ("/detokenize", """{"model":"base","tokens":[1,2,999]}"""),
        ("/v1/load_lora_adapter", """{"lora_name":"pirate","lora_path":"pirate","load_inplace":true}"""),
        ("/v1/unload_lora_adapter", """{"lora_name":"pirate","lora_int_id":1}"""),
    ];

    private static readonly string[] Tokens =
    [
        "null", "true", "-1", "0", "1e999", "-1e-999", "9223372036854775808", "1.5", "\"\"", "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[[]]", "{\"a\":1,\"a\":2}",
        "\"../../etc/passwd\"", "NaN", "2147483647", "\"\\udc00x\"", "[null]", "{\"\":{}}", "[1,\"a\"]", "1E400", "\"${jndi}\"",
    ];

    [Fact]
    public async Task Post_TwentyThousandMutatedBodies_NeverFailTheServer()
    {
        await using var daemon = await TestDaemon.StartAsync();
        const int Seed = 20261120;
        output.WriteLine($"seed={Seed}");

        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(() => SendAsync(daemon, new Random(Seed + sender)))));

        Assert.Empty(daemon.Errors);
        Assert.Equal(0, daemon.Engine.Running);
    }

    private static async Task SendAsync(TestDaemon daemon, Random random)
    {
        for (var i = 0; i < Bodies / Senders; i++)
        {
            var (path, body) = Seeds[random.Next(Seeds.Length)];
            var bytes = Mutate(body, random);
            using var content = new ByteArrayContent(bytes);
            content.Headers.TryAddWithoutValidation("Content-Type", "application/json");

            using var response = await daemon.Client.PostAsync(path, content);

            var text = await response.Content.ReadAsStringAsync();
            var status = (int)response.StatusCode;
            Assert.True(status < 500, $"{status} for {path} {Convert.ToBase64String(bytes)}: {text}");
            Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
            Assert.DoesNotContain("System.", text, StringComparison.Ordinal);
            Assert.DoesNotContain("/secret", text, StringComparison.Ordinal);
            Assert.True(text.Length < 64 << 10, "an answer much larger than its request");
        }
    }

    private static byte[] Mutate(string body, Random random)
    {
        for (var edits = random.Next(1, 4); edits > 0; edits--)
        {
            body = random.Next(3) == 0 ? ReplaceValue(body, random) : body;
        }

        var bytes = Encoding.UTF8.GetBytes(body).ToList();
        for (var edits = random.Next(0, 4); edits > 0 && bytes.Count > 0; edits--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, (byte)"{}[]\",:\\0-.eE"[random.Next(13)]);
                    break;
                default:
                    bytes.RemoveRange(at, random.Next(bytes.Count - at));
                    break;
            }
        }

        return [.. bytes];
    }

    // Puts a hostile value where some value began.
    private static string ReplaceValue(string body, Random random)
    {
        var starts = Enumerable.Range(0, body.Length).Where(i => body[i] is ':' or '[' or ',').ToList();
        if (starts.Count == 0)
        {
            return body;
        }

        var start = starts[random.Next(starts.Count)] + 1;
        var end = start;
        while (end < body.Length && body[end] is not (',' or '}' or ']'))
        {
            end++;
        }

        return string.Concat(body.AsSpan(0, start), Tokens[random.Next(Tokens.Length)], body.AsSpan(end));
    }
}
