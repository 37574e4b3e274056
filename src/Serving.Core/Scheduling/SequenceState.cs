using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>The scheduler's side of a sequence: its pages, what plans in flight will have done for it, and what was decided about it.</summary>
internal sealed class SequenceState
{
    private int[] _drafts = [];

    /// <summary>A sequence that waits.</summary>
    public SequenceState(RequestState request, int choice)
    {
        Request = request;
        Sequence = new Sequence(request.Request, choice);
    }

    /// <summary>The request it belongs to.</summary>
    public RequestState Request { get; }

    /// <summary>What others see of it.</summary>
    public Sequence Sequence { get; }

    /// <summary>Its adapter while it is queued or runs; null for the base model.</summary>
    public AdapterEntry? Adapter { get; set; }

    /// <summary>The modules that it imports, in order, while it is queued or runs.</summary>
    public ModuleEntry[] Imports { get; set; } = [];

    /// <summary>Those and what they are encoded on, each after what it stands on, while it is queued.</summary>
    public ModuleEntry[] Wanted { get; set; } = [];

    /// <summary>The module that it computes; null for a sequence of a client.</summary>
    public ModuleEntry? Module
    {
        get;
        init
        {
            field = value;
            Sequence.Module = value?.Module;
        }
    }

    /// <summary>Encodings and loads begun for it while it waited: more than it wants means that some were lost again.</summary>
    public int Gathered { get; set; }

    /// <summary>Its pages; empty unless it runs.</summary>
    public PageTable Table { get; private set; } = Empty;

    /// <summary>Keys of its full pages.</summary>
    public PrefixChain? Chain { get; private set; }

    /// <summary>Tokens computed once every plan in flight is complete.</summary>
    public int Scheduled { get; set; }

    /// <summary>Tokens that plans in flight sample for it: their ids are not known yet.</summary>
    public int Pending { get; set; }

    /// <summary>Index of the last pending token among the outputs of the newest plan.</summary>
    public int PendingOutput { get; set; }

    /// <summary>Plans in flight that name it.</summary>
    public int InFlight { get; set; }

    /// <summary>Prompt tokens scored once every plan in flight is complete, the first one (which nothing precedes) included.</summary>
    public int Scored { get; set; } = 1;

    /// <summary>Grows whenever its pages are taken: results computed for an earlier epoch are not in its pages.</summary>
    public int Epoch { get; set; }

    /// <summary>How often it was preempted.</summary>
    public int Preemptions { get; set; }

    /// <summary>Leading ones of its own pages that are in the prefix cache.</summary>
    public int Sealed { get; set; }

    /// <summary>Its next page's key belongs to another content: nothing more of it is sealed.</summary>
    public bool Private { get; set; }

    /// <summary>Page whose first slots are to be copied to its last page before it computes; held until then.</summary>
    public PageId? CopySource { get; set; }

    /// <summary>Later arrivals admitted while it waited for room for its adapter or its modules.</summary>
    public int Bypassed { get; set; }

    /// <summary>Its recurrent state; null of models without one.</summary>
    public StateVersions? States { get; set; }

    /// <summary>Tokens behind which it takes a snapshot of its recurrent state, as keys were found that far and no snapshot; 0 is none.</summary>
    public int FoundBoundary { get; set; }

    /// <summary>Tokens behind which it takes one for those that go on from its prompt; 0 is none.</summary>
    public int PromptBoundary { get; set; }

    /// <summary>Rows it gets in the plan being made; 0 is none.</summary>
    public int PlannedRows { get; set; }

    /// <summary>Drafts of the plan being made, in order.</summary>
    public ReadOnlySpan<int> Drafts => _drafts.AsSpan(0, PlannedDrafts);

    /// <summary>Rows behind the certain ones that drafts get in the plan being made.</summary>
    public int PlannedDrafts { get; set; }

    /// <summary>Rows of drafts in the plan in flight that names it: until its completion nobody knows how far it is computed.</summary>
    public int DraftsInFlight { get; set; }

    /// <summary>Whether it is in its tenant's queue.</summary>
    public bool Queued { get; set; }

    /// <summary>Tokens of its own that its first admission took from the prefix cache.</summary>
    public int PrefixCached { get; set; }

    /// <summary>Whether it was admitted or forked before.</summary>
    public bool Begun { get; private set; }

    /// <summary>Tokens that it holds once every plan in flight is complete.</summary>
    public int Total => Sequence.TokenCount + Pending;

    /// <summary>Tokens that it may come to hold.</summary>
    public int Capacity => Sequence.PromptCount + Sequence.Request.Sampling.MaxTokens;

    /// <summary>Pages of its own that it may yet take.</summary>
    public int PagesToCome => PagePool.PagesFor(Capacity - Sequence.ImportedCount) - Table.OwnPages.Length;

    /// <summary>Pages that it holds for itself: of keys and values, and of its recurrent state.</summary>
    public int HeldPages => Table.OwnPages.Length + (States?.Pages.Length ?? 0);

    /// <summary>Whether it ends with its prompt: nothing is sampled.</summary>
    public bool ScoresOnly => Sequence.Request.Sampling.MaxTokens == 0;

    /// <summary>Whether its next token is sampled under a constraint.</summary>
    public bool IsConstrained => Sequence.Request.Sampling.IsConstrained && !ScoresOnly;

    /// <summary>Whether the pending token, whatever it is, is its last one.</summary>
    public bool EndsWithPending => Pending > 0 && Total >= Capacity;

    private static PageTable Empty { get; } = new(0);

    /// <summary>Adds a draft to the plan being made.</summary>
    /// <param name="token">The token that may come behind those before.</param>
    /// <param name="most">Drafts of a sequence and step at most.</param>
    public void AddDraft(int token, int most)
    {
        _drafts = _drafts.Length == 0 ? new int[most] : _drafts;
        _drafts[PlannedDrafts++] = token;
    }

    /// <summary>Takes room for all its tokens and pages, once.</summary>
    /// <returns>False when it had begun before.</returns>
    public bool Begin()
    {
        if (Begun)
        {
            return false;
        }

        Begun = true;
        Prepare();
        return true;
    }

    /// <summary>Takes room for its tokens and keys: the prefix cache can be asked for it.</summary>
    public PrefixChain Prepare()
    {
        if (Chain is null)
        {
            Sequence.Begin(Capacity);
            var imported = Sequence.ImportedCount;
            var pages = PagePool.PagesFor(Capacity - imported);
            Table = new PageTable(pages, Request.HeadPages) { FillsHead = Request.FillsHead };
            Chain = new PrefixChain(Request.Root, pages, imported);
        }

        return Chain;
    }
}
