using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>
/// Makes a response of the engine's events: items one after the other, thoughts, text and calls, and the events that tell of them in OpenAI's order. A call that breaks off is an incomplete
/// item; text behind it is a message.
/// </summary>
/// <param name="head">What all answers have; its id is what the ids of the response and of its items have in common.</param>
/// <param name="request">What was asked for.</param>
/// <param name="tools">Its tools.</param>
/// <param name="custom">Which of them are custom tools.</param>
/// <param name="keeping">What becomes of it.</param>
internal sealed class ResponseBuilder(AnswerHead head, ResponseRequest request, ResponseTools tools, CustomCalls custom, ResponseKeeping keeping) : IEventFormat<ResponseEvent>
{
    private const string Completed = "completed";
    private const string Incomplete = "incomplete";
    private const string FunctionCall = "function_call";
    private const string CustomCall = "custom_tool_call";

    private static readonly JsonElement Auto = JsonDocument.Parse("\"auto\"").RootElement;
    private static readonly JsonElement NoLabels = JsonDocument.Parse("{}").RootElement;
    private static readonly JsonElement PlainText = JsonDocument.Parse("""{"type":"text"}""").RootElement;

    private readonly List<ResponseItem> _output = [];
    private readonly List<ChatTokenLogprob> _logprobs = [];
    private readonly List<ChatTokenLogprob> _held = [];
    private readonly StringBuilder _text = new();
    private ResponseItem? _open;
    private int _sequence;
    private bool _hasLength;

    /// <inheritdoc/>
    public JsonTypeInfo<ResponseEvent> Type => OpenAiJson.Wire.ResponseEvent;

    /// <inheritdoc/>
    public string NameOf(ResponseEvent happened) => happened.Type;

    /// <inheritdoc/>
    public RequestFailure Rename(RequestFailure failure) => ResponseRequestMapper.Rename(failure, tools);

    /// <inheritdoc/>
    public IEnumerable<ResponseEvent> Begin(UsageInfo usage)
    {
        yield return Next(new ResponseEvent { Type = "response.created", Response = Snapshot("in_progress") });
        yield return Next(new ResponseEvent { Type = "response.in_progress", Response = Snapshot("in_progress") });
    }

    /// <inheritdoc/>
    public ResponseEvent? StillThere => null;

    /// <inheritdoc/>
    public IReadOnlyList<ResponseEvent> Take(GenerationEvent happened)
    {
        var events = new List<ResponseEvent>();
        Hold(happened);
        if (happened.Reasoning.Length > 0)
        {
            Write(events, "reasoning", happened.Reasoning);
        }

        // Text stands behind a call that was open before, and before one that begins.
        var begun = happened.ToolCalls.TakeWhile(static call => call.Name is null).Count();
        foreach (var call in happened.ToolCalls.Take(begun))
        {
            Call(events, call);
        }

        if (happened.Text.Length > 0)
        {
            Write(events, "message", happened.Text);
        }

        foreach (var call in happened.ToolCalls.Skip(begun))
        {
            Call(events, call);
        }

        if (happened.FinishReason is { } reason)
        {
            _hasLength = reason == FinishReason.Length;
            Close(events, _hasLength ? Incomplete : Completed);
            if (_output.All(static item => item.Type == "reasoning") && !_hasLength)
            {
                Open(events, "message");
                Close(events, Completed);
            }
        }

        return events;
    }

    /// <inheritdoc/>
    public IEnumerable<ResponseEvent> End(UsageInfo usage) => [Next(new ResponseEvent { Type = _hasLength ? "response.incomplete" : "response.completed", Response = Build(usage) })];

    /// <inheritdoc/>
    public ResponseEvent Fail(RequestFailure failure) => Next(new ResponseEvent
    {
        Type = "response.failed",
        Response = Failed(failure),
    });

    /// <summary>The response, as far as it has come when it failed.</summary>
    public ModelResponse Failed(RequestFailure failure) => Snapshot("failed") with { Error = new ResponseError("server_error", failure.Message) };

    /// <summary>The whole response.</summary>
    public ModelResponse Build(UsageInfo usage)
    {
        var response = Snapshot(_hasLength ? Incomplete : Completed) with
        {
            IncompleteDetails = _hasLength ? new IncompleteDetails("max_output_tokens") : null,
            Usage = new ResponseUsage
            {
                InputTokens = usage.PromptTokens,
                InputTokensDetails = usage.PromptTokensDetails,
                OutputTokens = usage.CompletionTokens,
                OutputTokensDetails = usage.CompletionTokensDetails ?? new CompletionTokensDetails(0),
                TotalTokens = usage.TotalTokens,
            },
        };
        keeping.OnComplete(response);
        return response;
    }

    /// <summary>The response as far as it has come: the items that are whole.</summary>
    public ModelResponse Snapshot(string status) => new()
    {
        Id = ResponseIds.OfResponse(head.Id),
        CreatedAt = head.Created,
        Status = status,
        Instructions = request.Instructions,
        MaxOutputTokens = request.MaxOutputTokens,
        Model = head.Model,
        Output = [.. _output],
        ParallelToolCalls = request.ParallelToolCalls ?? true,
        PreviousResponseId = request.PreviousResponseId,
        Store = keeping.IsKept,
        Background = keeping.IsBackground,
        Conversation = keeping.Conversation,
        Reasoning = new ResponseReasoning(Property(request.Reasoning, "effort") is { ValueKind: JsonValueKind.String } effort ? effort.GetString() : null),
        Temperature = request.Temperature,
        Text = new ResponseText(Property(request.Text, "format") is { ValueKind: JsonValueKind.Object } format ? format : PlainText),
        ToolChoice = Given(request.ToolChoice) ?? Auto,
        Tools = tools.Offered,
        TopLogprobs = request.TopLogprobs ?? 0,
        TopP = request.TopP,
        User = request.User,
        SafetyIdentifier = request.SafetyIdentifier,
        Metadata = Given(request.Metadata) ?? NoLabels,
    };

    // Tokens whose text is held back come with the text that follows; those of thoughts and calls are not a message's.
    private void Hold(GenerationEvent happened)
    {
        if (happened.Reasoning.Length > 0 || happened.ToolCalls.Count > 0)
        {
            _held.Clear();
        }

        if (happened.Logprobs is { } logprobs && happened.Reasoning.Length == 0 && happened.ToolCalls.Count == 0 && !(happened.Text.Length == 0 && _open?.Type == "reasoning"))
        {
            _held.AddRange(LogprobFormat.Chat(logprobs)!.Content);
        }
    }

    private void Write(List<ResponseEvent> events, string type, string text)
    {
        if (_open?.Type != type)
        {
            Close(events, Completed);
            Open(events, type);
        }

        _text.Append(text);
        IReadOnlyList<ChatTokenLogprob>? logprobs = null;
        if (type == "message")
        {
            logprobs = [.. _held];
            _logprobs.AddRange(_held);
            _held.Clear();
        }

        events.Add(About(new ResponseEvent { Type = $"response.{Word(type)}.delta", ContentIndex = 0, Delta = text, Logprobs = logprobs }));
    }

    private void Call(List<ResponseEvent> events, ToolCallDelta call)
    {
        var input = custom.Read(0, call);
        if (call.Name is not null)
        {
            Close(events, Completed);
            Open(events, input is null ? FunctionCall : CustomCall, call);
        }

        if ((input ?? call.Arguments) is { Length: > 0 } more)
        {
            _text.Append(more);
            events.Add(About(new ResponseEvent { Type = $"response.{Word(_open!.Type)}.delta", Delta = more }));
        }

        if (call.Withdrawn is not null)
        {
            Close(events, Incomplete);
        }
    }

    private void Open(List<ResponseEvent> events, string type, ToolCallDelta? call = null)
    {
        var isText = call is null;
        var (name, @namespace) = call is null ? (null, null) : tools.NameOf(call.Name!);
        _open = new ResponseItem
        {
            Type = type,
            Id = ResponseIds.OfItem(head.Id, type, _output.Count),
            Status = "in_progress",
            Role = type == "message" ? "assistant" : null,
            Summary = type == "reasoning" ? [] : null,
            Content = isText ? [] : null,
            CallId = call?.Id,
            Name = name,
            Namespace = @namespace,
            Arguments = type == FunctionCall ? "" : null,
            Input = type == CustomCall ? "" : null,
        };
        events.Add(Next(new ResponseEvent { Type = "response.output_item.added", OutputIndex = _output.Count, Item = _open }));
        if (isText)
        {
            events.Add(About(new ResponseEvent { Type = "response.content_part.added", ContentIndex = 0, Part = Part(type) }));
        }
    }

    private void Close(List<ResponseEvent> events, string status)
    {
        if (_open is null)
        {
            return;
        }

        var (type, text) = (_open.Type, _text.ToString());
        var part = Part(type);
        var item = type switch
        {
            FunctionCall => _open with { Status = status, Arguments = text },
            CustomCall => _open with { Status = status, Input = text },
            _ => _open with { Status = status, Content = [part] },
        };
        if (type == FunctionCall)
        {
            events.Add(About(new ResponseEvent { Type = $"response.{Word(type)}.done", Name = item.Name, Arguments = text }));
        }
        else if (type == CustomCall)
        {
            events.Add(About(new ResponseEvent { Type = $"response.{Word(type)}.done", Input = text }));
        }
        else
        {
            events.Add(About(new ResponseEvent { Type = $"response.{Word(type)}.done", ContentIndex = 0, Text = text, Logprobs = part.Logprobs }));
            events.Add(About(new ResponseEvent { Type = "response.content_part.done", ContentIndex = 0, Part = part }));
        }

        events.Add(Next(new ResponseEvent { Type = "response.output_item.done", OutputIndex = _output.Count, Item = item }));
        _output.Add(item);
        _open = null;
        _text.Clear();
        _logprobs.Clear();
    }

    private ResponsePart Part(string type) => type == "message"
        ? new ResponsePart { Type = "output_text", Text = _text.ToString(), Annotations = [], Logprobs = [.. _logprobs] }
        : new ResponsePart { Type = "reasoning_text", Text = _text.ToString() };

    private static string Word(string type) => type switch
    {
        "message" => "output_text",
        FunctionCall => "function_call_arguments",
        CustomCall => "custom_tool_call_input",
        _ => "reasoning_text",
    };

    private ResponseEvent About(ResponseEvent happened) => Next(happened with { OutputIndex = _output.Count, ItemId = _open!.Id });

    private ResponseEvent Next(ResponseEvent happened) => happened with { SequenceNumber = _sequence++ };

    private static JsonElement? Given(JsonElement? value) => value is { ValueKind: JsonValueKind.Null } ? null : value;

    private static JsonElement? Property(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } given && given.TryGetProperty(name, out var property) ? property : null;
}
