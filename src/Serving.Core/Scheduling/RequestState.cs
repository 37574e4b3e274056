using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>An accepted request that has not ended: its choices and its place among the tenants.</summary>
internal sealed class RequestState
{
    /// <summary>A request that arrives.</summary>
    /// <param name="request">The request.</param>
    /// <param name="tenant">Its tenant's queue.</param>
    /// <param name="root">Root of its prefix keys.</param>
    /// <param name="module">The module that it computes; null for a client's request.</param>
    public RequestState(Request request, TenantQueue tenant, Digest root, ModuleEntry? module = null)
    {
        Request = request;
        Tenant = tenant;
        Root = root;
        Choices = new SequenceState[request.Choices];
        for (var i = 0; i < Choices.Length; i++)
        {
            Choices[i] = new SequenceState(this, i) { Module = module };
        }

        Unfinished = Choices.Length;
        Encoded = request.Imports.Count == 0 ? [] : new bool[request.Imports.Count];
        foreach (var import in request.Imports)
        {
            HeadPages += PagePool.PagesFor(import.Tokens.Count);
        }
    }

    /// <summary>The request.</summary>
    public Request Request { get; }

    /// <summary>Its tenant's queue.</summary>
    public TenantQueue Tenant { get; }

    /// <summary>Root of its prefix keys.</summary>
    public Digest Root { get; }

    /// <summary>Pages of the modules that it imports: the head of its sequences' page tables.</summary>
    public int HeadPages { get; }

    /// <summary>See <see cref="PageTable.FillsHead"/>.</summary>
    public bool FillsHead { get; init; }

    /// <summary>Per import, whether it was encoded because this request asked first: the others are hits.</summary>
    public bool[] Encoded { get; }

    /// <summary>Its sequences.</summary>
    public SequenceState[] Choices { get; }

    /// <summary>Sequences without a terminal event.</summary>
    public int Unfinished { get; set; }

    /// <summary>Whether choice 0 was admitted once: the request left the bounded queue.</summary>
    public bool Begun { get; set; }

    /// <summary>Whether the choices after the first have their share of the prompt, or a place in the queue.</summary>
    public bool Forked { get; set; }
}
