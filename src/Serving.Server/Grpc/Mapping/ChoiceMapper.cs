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
    public static Choice? New(IndexedEvent happened)
    {
        var content = happened.Event;
        if (content.Reasoning.Length == 0 && content.Text.Length == 0 && content.ToolCalls.Count == 0 && content.Logprobs is null or { Count: 0 } && content.FinishReason is null)
        {
            return null;
        }

        var choice = new Choice { Index = happened.Index, Text = content.Text, ReasoningContent = content.Reasoning };
        foreach (var call in content.ToolCalls.Where(call => call.Name is not null || call.Arguments.Length > 0))
        {
            choice.ToolCalls.Add(new ToolCall { Index = call.Index, Id = call.Id ?? "", Name = call.Name ?? "", Arguments = call.Arguments });
        }

        Finish(choice, content);
        AddLogprobs(choice, content);
        return choice;
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

    private static Protocol.V1.TokenLogprob Map(TokenLogprob token)
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
