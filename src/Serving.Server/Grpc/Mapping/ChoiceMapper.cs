using Google.Protobuf;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using FinishReason = Serving.Core.Requests.FinishReason;
using TokenLogprob = Serving.Engine.Requests.TokenLogprob;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Writes what happened to a choice.</summary>
internal static class ChoiceMapper
{
    /// <summary>What an event brings; null when that is nothing.</summary>
    /// <param name="happened">The event.</param>
    /// <param name="custom">Which calls are those of custom tools.</param>
    public static Choice? New(IndexedEvent happened, CustomCalls custom)
    {
        var content = happened.Event;
        if (content.Reasoning.Length == 0 && content.Text.Length == 0 && content.ToolCalls.Count == 0 && content.Logprobs is null or { Count: 0 } && content.FinishReason is null)
        {
            return null;
        }

        var choice = new Choice { Index = happened.Index, Text = content.Text, ReasoningContent = content.Reasoning };
        foreach (var call in content.ToolCalls)
        {
            var input = custom.Read(happened.Index, call);
            if (call.Name is not null || (input ?? call.Arguments).Length > 0)
            {
                choice.ToolCalls.Add(Call(call.Index, call.Id ?? "", call.Name ?? "", call.Arguments, input));
            }
        }

        Finish(choice, content);
        AddLogprobs(choice, content);
        return choice;
    }

    /// <summary>A call, or what is new of one: of a custom tool where there is an input.</summary>
    public static ToolCall Call(int index, string id, string name, string arguments, string? input)
    {
        var call = new ToolCall { Index = index, Id = id, Name = name, Arguments = input is null ? arguments : "" };
        if (input is not null)
        {
            call.Input = input;
        }

        return call;
    }

    /// <summary>Takes in how a choice ended, if it has.</summary>
    public static void Finish(Choice choice, GenerationEvent content)
    {
        choice.FinishReason = content.FinishReason switch
        {
            FinishReason.Stop => content.CallsTools ? Protocol.V1.FinishReason.ToolCalls : Protocol.V1.FinishReason.Stop,
            FinishReason.Length => Protocol.V1.FinishReason.Length,
            _ => choice.FinishReason,
        };
        if (content.StopReason is string text)
        {
            choice.StopText = text;
        }
        else if (content.StopReason is int token)
        {
            choice.StopTokenId = token;
        }
    }

    /// <summary>Adds an event's logprobs.</summary>
    public static void AddLogprobs(Choice choice, GenerationEvent content)
    {
        foreach (var token in content.Logprobs ?? [])
        {
            choice.Logprobs.Add(Map(token));
        }
    }

    /// <summary>A token with its logprob, and the likeliest ones at its place.</summary>
    public static Protocol.V1.TokenLogprob Map(TokenLogprob token)
    {
        var mapped = new Protocol.V1.TokenLogprob { TokenId = token.Token, Text = token.Text, Bytes = ByteString.CopyFrom(token.Bytes) };
        if (token.Logprob is { } logprob)
        {
            mapped.Logprob = logprob;
        }

        mapped.Top.AddRange(token.Top.Select(top => new TopLogprob
        {
            TokenId = top.Token,
            Text = top.Text,
            Bytes = ByteString.CopyFrom(top.Bytes),
            Logprob = top.Logprob ?? float.NegativeInfinity,
        }));
        return mapped;
    }
}
