using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>What a request takes at most, for a refusal of what could never run.</summary>
internal static class RequestSize
{
    /// <summary>Whether a request fits an otherwise empty machine.</summary>
    /// <param name="request">The request.</param>
    /// <param name="options">The machine.</param>
    /// <param name="pinnedPages">Pages that pinned modules keep.</param>
    public static bool Fits(Request request, SchedulerOptions options, int pinnedPages)
    {
        var tokens = Math.Max((long)request.Prompt.Count, request.FirstOutputPosition) + request.Sampling.MaxTokens;
        return tokens <= options.MaxModelLength
            && PagesOf(request) + (2L * options.StatePages) + pinnedPages <= options.PageCount
            && (request.Adapter is null || options.AdapterSlots > 0);
    }

    // Its own pages, its adapter, what it imports, and what that is encoded on: so much that the largest encoding fits beside what is there already.
    private static long PagesOf(Request request)
    {
        var imported = 0L;
        var pages = request.Adapter?.PageCount ?? 0L;
        var seen = new HashSet<ModuleRef>(ReferenceEqualityComparer.Instance);
        var keys = new HashSet<Digest>();
        foreach (var import in request.Imports)
        {
            imported += import.Tokens.Count;
            Add(import);
        }

        return pages + PagePool.PagesFor(request.Prompt.Count + (long)request.Sampling.MaxTokens - imported);

        void Add(ModuleRef module)
        {
            if (!seen.Add(module))
            {
                return;
            }

            pages += keys.Add(module.Key) ? PagePool.PagesFor(module.Tokens.Count) : 0;
            foreach (var before in module.Context)
            {
                Add(before);
            }
        }
    }
}
