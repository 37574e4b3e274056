using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;

namespace Serving.Core.Tests.Scheduling;

/// <summary>
/// A scheduler with a device that remembers which token, of which adapter and tenant, lies in which slot, and what that token could see: the next token is a function of what its row can see
/// there, so a wrong page changes the answer; so does a wrong version of a recurrent state, if the model has one. Time goes on by one per step.
/// </summary>
internal sealed class SchedulerHarness : ISchedulerSink
{
    private readonly int[] _memory;
    private readonly (int Place, int State)[] _states;
    private readonly int[] _host;
    private readonly Dictionary<int, Digest> _slots = [];
    private readonly Queue<(StepPlan Plan, int[] Tokens)> _flight = [];
    private int[] _previous = [];
    private bool _scheduling;

    /// <summary>A harness over a small scheduler.</summary>
    public SchedulerHarness(SchedulerOptions? options = null)
    {
        Options = options ?? Small;
        Scheduler = new Scheduler(Options, this);
        _memory = new int[Options.PageCount * PagePool.SlotsPerPage];
        _states = new (int, int)[Options.PageCount];
        _host = new int[Options.HostPageCount * PagePool.SlotsPerPage];
    }

    /// <summary>What an output is that was sampled ahead of its mask: no answer has it.</summary>
    public const int Unmasked = 4_711;

    /// <summary>64 pages, 8 sequences, 32 tokens a step.</summary>
    public static SchedulerOptions Small { get; } = new()
    {
        PageCount = 64,
        MaxModelLength = 512,
        MaxSequences = 8,
        MaxBatchedTokens = 32,
        AdapterSlots = 4,
        MaxAdaptersPerStep = 4,
    };

    public SchedulerOptions Options { get; }

    public Scheduler Scheduler { get; }

    public long Now { get; set; }

    public List<AdapterLoad> Loads { get; } = [];

    public List<ModuleTransfer> Transfers { get; } = [];

    public Dictionary<(long Request, int Choice), List<int>> Outputs { get; } = [];

    public Dictionary<(long Request, int Choice), (FinishReason Reason, int? StopToken, RequestError? Error)> Ends { get; } = [];

    public List<(long Request, int Choice)> EndOrder { get; } = [];

    public List<(long Request, int Ordinal)> Scored { get; } = [];

    /// <summary>Requests whose prompt was embedded, and by which of their plan's hidden states.</summary>
    public List<(long Request, int Hidden)> Embedded { get; } = [];

    /// <summary>Verdict after a token; goes on by default.</summary>
    public Func<Sequence, int, TokenVerdict> Verdict { get; set; } = static (_, _) => TokenVerdict.Continue;

    /// <summary>Whether a constrained sequence may get rows; always by default.</summary>
    public Func<Sequence, bool> Ready { get; set; } = static _ => true;

    /// <summary>Guesses of coming tokens, with their chances; none by default.</summary>
    public Func<Sequence, IReadOnlyList<(int Token, float Chance)>> Guess { get; set; } = static _ => [];

    /// <summary>Copies and rows of every plan so far.</summary>
    public List<PageCopy> Copies { get; } = [];

    /// <summary>Whether loads and copies are answered before the next step.</summary>
    public bool LoadsAtOnce { get; set; } = true;

    public static Tenant Tenant(string name = "a", double weight = 1) => new(new TenantId(name), weight, Digest.Of(System.Text.Encoding.UTF8.GetBytes(name)), new TenantLimits(100, 100_000));

    public static AdapterRef Adapter(int number, int pages = 2) => new(Digest.Of([(byte)number, (byte)(number >> 8), 7]), pages, pages * 1000L);

    public static Request Request(long id, int prompt = 20, int maxTokens = 8, Tenant? tenant = null, AdapterRef? adapter = null, int seed = 0) => new()
    {
        Id = new RequestId(id),
        Tenant = tenant ?? Tenant(),
        Adapter = adapter,
        Prompt = [.. Enumerable.Range(0, prompt).Select(i => (int)((((seed == 0 ? id : seed) * 7919) + (i * 104729)) % 1000))],
        Sampling = new SamplingParameters { MaxTokens = maxTokens },
    };

    /// <summary>A request whose answers are constrained.</summary>
    public static Request Constrained(long id, int prompt = 20, int maxTokens = 8, Tenant? tenant = null, AdapterRef? adapter = null)
    {
        var request = Request(id, prompt, maxTokens, tenant, adapter);
        return request with { Sampling = request.Sampling with { IsConstrained = true } };
    }

    public SchedulerHarness Submit(params Request[] requests)
    {
        foreach (var request in requests)
        {
            Assert.Null(Scheduler.Submit(request, Now));
        }

        return this;
    }

    /// <summary>Schedules a plan and computes it; null when there is none.</summary>
    public StepPlan? Launch()
    {
        AnswerLoads();
        Now++;
        _scheduling = true;
        var plan = Scheduler.Schedule(Now);
        _scheduling = false;
        if (plan is null)
        {
            return null;
        }

        var tokens = Execute(plan);
        _flight.Enqueue((plan, tokens));
        _previous = tokens;
        return plan;
    }

    /// <summary>Completes the oldest plan in flight.</summary>
    public void Land()
    {
        var (plan, tokens) = _flight.Dequeue();
        int[] late = [.. _flight.SelectMany(static flight => flight.Plan.LateOutputs.ToArray())];
        Scheduler.Complete(plan, tokens, Now);
        Scheduler.CheckIntegrity();
        foreach (var flight in _flight)
        {
            // Sampled without a mask: it may be anything.
            foreach (var output in late.Except(flight.Plan.LateOutputs.ToArray()))
            {
                flight.Tokens[output] = Unmasked;
            }
        }
    }

    /// <summary>Schedules a plan and completes what is beyond the depth; false when there was nothing to run.</summary>
    public bool Step(int depth = 0)
    {
        var launched = _flight.Count <= depth && Launch() is not null;
        if (_flight.Count > depth || (!launched && _flight.Count > 0))
        {
            Land();
        }

        return launched;
    }

    /// <summary>Steps until every request has ended.</summary>
    public SchedulerHarness RunToEnd(int depth = 0, int limit = 10_000)
    {
        for (var i = 0; i < limit && (!Scheduler.IsIdle || _flight.Count > 0); i++)
        {
            Step(depth);
        }

        Assert.True(Scheduler.IsIdle, "the scheduler does not come to rest");
        return this;
    }

    public void AnswerLoads()
    {
        if (LoadsAtOnce)
        {
            foreach (var load in Loads)
            {
                Finish(load);
            }

            Loads.Clear();
            foreach (var transfer in Transfers.ToArray())
            {
                Finish(transfer);
            }
        }
    }

    /// <summary>Copies what a transfer says and answers it.</summary>
    public void Finish(ModuleTransfer transfer)
    {
        for (var i = 0; i < transfer.Pages.Count; i++)
        {
            var page = _memory.AsSpan(FirstSlot(transfer.Pages[i]), PagePool.SlotsPerPage);
            var host = _host.AsSpan(transfer.HostPages[i] * PagePool.SlotsPerPage, PagePool.SlotsPerPage);
            if (transfer.ToHost)
            {
                page.CopyTo(host);
            }
            else
            {
                host.CopyTo(page);
            }
        }

        Transfers.Remove(transfer);
        Scheduler.ModuleTransferred(transfer.Number);
    }

    public void Finish(AdapterLoad load)
    {
        _slots[load.Slot] = load.Digest;
        foreach (var page in load.Pages)
        {
            _memory.AsSpan(FirstSlot(page), PagePool.SlotsPerPage).Fill(-1);
        }

        Scheduler.AdapterReady(load.Digest);
    }

    /// <summary>The answer that a request gets when it is alone on a large machine.</summary>
    public static List<int> Alone(Request request, int choice = 0, SchedulerOptions? options = null) =>
        new SchedulerHarness((options ?? Small) with { PageCount = 128, MaxModelLength = 2048, Faults = null }).Submit(request).RunToEnd().Outputs.GetValueOrDefault((request.Id.Value, choice)) ?? [];

    public bool IsReady(Sequence sequence)
    {
        Assert.True(sequence.Request.Sampling.IsConstrained, "asked of one without a constraint");
        Assert.True(!_scheduling || !_flight.Any(flight => Samples(flight, sequence)), "asked in Schedule of one whose token is pending");
        return Ready(sequence);
    }

    public int Propose(Sequence sequence, Span<Draft> drafts)
    {
        Assert.DoesNotContain(_flight, flight => Samples(flight, sequence));
        var guesses = Guess(sequence);
        for (var i = 0; i < Math.Min(guesses.Count, drafts.Length); i++)
        {
            drafts[i] = new Draft(guesses[i].Token, guesses[i].Chance);
        }

        return Math.Min(guesses.Count, drafts.Length);
    }

    public TokenVerdict OnToken(Sequence sequence, int token, int output)
    {
        Assert.False(Ends.ContainsKey(KeyOf(sequence)), "a token after the end");
        if (!Outputs.TryGetValue(KeyOf(sequence), out var list))
        {
            Outputs.Add(KeyOf(sequence), list = []);
        }

        list.Add(token);
        return Verdict(sequence, token);
    }

    public void OnPromptScored(Sequence sequence, int ordinal, int output) => Scored.Add((sequence.Request.Id.Value, ordinal));

    public void OnPromptEmbedded(Sequence sequence, int hidden) => Embedded.Add((sequence.Request.Id.Value, hidden));

    public void OnFinished(Sequence sequence, FinishReason reason, int? stopToken, RequestError? error)
    {
        Ends.Add(KeyOf(sequence), (reason, stopToken, error));
        EndOrder.Add(KeyOf(sequence));
    }

    public void OnAdapterLoad(AdapterLoad load) => Loads.Add(load);

    public void OnModuleTransfer(ModuleTransfer transfer) => Transfers.Add(transfer);

    private static (long Request, int Choice) KeyOf(Sequence sequence) => (sequence.Request.Id.Value, sequence.Choice);

    private static bool Samples((StepPlan Plan, int[] Tokens) flight, Sequence sequence)
    {
        var (plan, tokens) = flight;
        for (var i = 0; i < tokens.Length; i++)
        {
            var output = plan.Outputs[i];
            if (output.TargetToken < 0 && tokens[i] != Unmasked && plan.Sequences[output.SequenceIndex].Sequence == sequence)
            {
                return true;
            }
        }

        return false;
    }

    private static int FirstSlot(PageId page) => page.Value * PagePool.SlotsPerPage;

    /// <summary>What a row has seen after one more slot.</summary>
    private int Seen(int hash, int slot) => unchecked((hash * 1_000_003) + _memory[slot]);

    /// <summary>The state in a version's pages, each of which must hold its part of it.</summary>
    private int StateIn(ReadOnlySpan<PageId> version)
    {
        var state = _states[version[0].Value].State;
        for (var i = 0; i < version.Length; i++)
        {
            Assert.Equal((i + 1, state), _states[version[i].Value]);
        }

        return state;
    }

    private int[] Execute(StepPlan plan)
    {
        foreach (var copy in plan.Copies)
        {
            Copies.Add(copy);
            _memory.AsSpan(FirstSlot(copy.Source), copy.Tokens).CopyTo(_memory.AsSpan(FirstSlot(copy.Destination)));
        }

        var tokens = new int[plan.Outputs.Length];
        for (var i = 0; i < plan.Sequences.Length; i++)
        {
            Execute(plan, i, tokens);
        }

        return tokens;
    }

    private void Execute(StepPlan plan, int index, int[] tokens)
    {
        var planned = plan.Sequences[index];
        var request = planned.Sequence.Request;
        Assert.Equal(request.Adapter is null, planned.AdapterSlot < 0);
        Assert.True(request.Adapter is null || _slots[planned.AdapterSlot] == request.Adapter.Digest, "another adapter is in the slot");
        var slots = new List<int>(planned.FirstOrdinal + planned.RowCount);
        foreach (var entry in plan.Pages.Slice(planned.FirstPage, planned.PageCount))
        {
            for (var slot = 0; slot < entry.ValidLength; slot++)
            {
                slots.Add(FirstSlot(entry.Page) + slot);
            }
        }

        Assert.Equal(planned.FirstOrdinal + planned.RowCount, slots.Count);
        var owner = (request.Adapter?.Digest.GetHashCode() ?? 0) ^ request.Tenant.Salt.GetHashCode();
        var seen = 17;
        for (var ordinal = 0; ordinal < planned.FirstOrdinal; ordinal++)
        {
            seen = Seen(seen, slots[ordinal]);
        }

        var states = new int[planned.RowCount];
        var state = planned.StateRead < 0 ? 29 : StateIn(plan.StatePages.Slice(planned.StateRead, Options.StatePages));
        for (var i = 0; i < planned.RowCount; i++)
        {
            var row = planned.FirstRow + i;
            var token = plan.TokenIds[row] < 0 ? _previous[~plan.TokenIds[row]] : plan.TokenIds[row];
            _states[slots[planned.FirstOrdinal + i] / PagePool.SlotsPerPage] = default;
            _memory[slots[planned.FirstOrdinal + i]] = unchecked((((token * 31) ^ owner) + (plan.Positions[row] * 7)) ^ seen);
            seen = Seen(seen, slots[planned.FirstOrdinal + i]);
            states[i] = state = Options.StatePages == 0 ? 0 : unchecked((state * 1_000_033) + token + 1);
        }

        for (var i = 0; i < Options.StatePages; i++)
        {
            _states[plan.StatePages[planned.StateWrite + i].Value] = (i + 1, state);
        }

        for (var output = 0; output < plan.Outputs.Length; output++)
        {
            var wanted = plan.Outputs[output];
            if (wanted.SequenceIndex == index && wanted.TargetToken < 0)
            {
                var hash = 17;
                for (var ordinal = 0; ordinal <= planned.FirstOrdinal + wanted.Row - planned.FirstRow; ordinal++)
                {
                    hash = Seen(hash, slots[ordinal]);
                }

                hash = unchecked(hash + (states[wanted.Row - planned.FirstRow] * 31));
                tokens[output] = (int)((uint)(hash + (planned.Sequence.Choice * 977)) % 1000);
            }
        }
    }
}
