using Google.Protobuf.WellKnownTypes;
using Serving.Engine.Requests;
using Serving.Protocol.V1;
using Serving.Server.Front;
using TokenLogprob = Serving.Engine.Requests.TokenLogprob;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Gathers the events of a whole answer.</summary>
internal sealed class AnswerBuilder
{
    private readonly (Choice Choice, GatheredAnswer Answer)[] _choices;

    private readonly CustomCalls _custom;
    private IReadOnlyList<TokenLogprob>? _promptLogprobs;

    /// <summary>Begins with a number of choices.</summary>
    public AnswerBuilder(int choices, CustomCalls custom) => (_custom, _choices) = (custom, [.. Enumerable.Range(0, choices).Select(index => (new Choice { Index = index }, new GatheredAnswer()))]);

    /// <summary>Takes in an event.</summary>
    public void Add(IndexedEvent happened)
    {
        var (choice, gathered) = _choices[happened.Index];
        gathered.Add(happened.Event);
        _promptLogprobs ??= happened.Event.PromptLogprobs;
        ChoiceMapper.Finish(choice, happened.Event);
        ChoiceMapper.AddLogprobs(choice, happened.Event);
    }

    /// <summary>The answer.</summary>
    public GenerateResponse Build(string id, DateTimeOffset created, string model, GenerationUsage usage)
    {
        var answer = new GenerateResponse { Id = id, CreateTime = Timestamp.FromDateTimeOffset(created), Model = model, Usage = UsageMapper.Map(usage) };
        foreach (var (choice, gathered) in _choices)
        {
            choice.Text = gathered.Text;
            choice.ReasoningContent = gathered.Reasoning;
            choice.ToolCalls.AddRange(gathered.Calls.Select((call, index) => ChoiceMapper.Call(index, call.Id, call.Name, call.Arguments, _custom.InputOf(call.Name, call.Arguments))));
            answer.Choices.Add(choice);
        }

        answer.PromptLogprobs.AddRange((_promptLogprobs ?? []).Select(ChoiceMapper.Map));

        return answer;
    }
}
