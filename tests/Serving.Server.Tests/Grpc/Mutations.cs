using Google.Protobuf.WellKnownTypes;
using Serving.Protocol.V1;

namespace Serving.Server.Tests.Grpc;

/// <summary>Messages that are almost right.</summary>
internal static class Mutations
{
    /// <summary>A request in which every kind of field is set.</summary>
    public static GenerateRequest Full => new()
    {
        Model = "base",
        Chat = new Chat
        {
            Messages =
            {
                new ChatMessage { Role = "user", Parts = { new ContentPart { PromptModule = new PromptModule { Name = "a/b", Arguments = { ["days"] = "two" } } }, new ContentPart { Text = "hé" } } },
                new ChatMessage { Role = "assistant", ToolCalls = { new ToolCall { Id = "1", Name = "f", Arguments = "{}" }, new ToolCall { Id = "2", Name = "p", Input = "x" } } },
                new ChatMessage { Role = "tool", Content = "x", ToolCallId = "1", Name = "f" },
            },
            Tools = { new Tool { Name = "f", Description = "d", ParametersJson = """{"type":"object","properties":{"a":{"type":"string"}}}""" }, new Tool { Name = "p", Custom = new CustomTool() } },
            ToolChoice = ToolChoice.Auto,
            ParallelToolCalls = false,
            AddGenerationPrompt = true,
            ChatTemplateKwargs = { ["enable_thinking"] = Value.ForBool(false), ["list"] = Value.ForList(Value.ForNumber(1), Value.ForNull()) },
        },
        MaxTokens = 5,
        N = 2,
        Temperature = 0.5f,
        TopP = 0.9f,
        TopK = 3,
        MinP = 0.1f,
        PresencePenalty = 0.1f,
        FrequencyPenalty = 0.2f,
        RepetitionPenalty = 1.1f,
        Seed = -7,
        LogitBias = { [5] = -1.5f },
        Stop = { "a", "b" },
        StopTokenIds = { 1 },
        MinTokens = 2,
        BadWords = { "x", "y z" },
        AllowedTokenIds = { 1, 2 },
        IgnoreEos = true,
        Logprobs = 3,
        TruncatePromptTokens = 9,
        TruncationSide = "right",
        Priority = 1,
        User = "u",
    };

    /// <summary>Changes some bytes.</summary>
    public static byte[] Mutate(byte[] message, Random random)
    {
        var bytes = message.ToList();
        for (var edits = random.Next(1, 5); edits > 0 && bytes.Count > 0; edits--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 3:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                default:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 16), bytes.Count - at));
                    break;
            }
        }

        return [.. bytes];
    }
}
