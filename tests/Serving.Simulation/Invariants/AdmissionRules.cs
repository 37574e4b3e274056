using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>The queue never holds more than its limit; a refusal has its reason, and what has none is accepted; nothing is accepted while draining.</summary>
internal sealed class AdmissionRules() : Invariant("15 queue bounds and refusals")
{
    /// <inheritdoc/>
    public override void OnSubmitted(World world, SimRequest request, RequestError? error)
    {
        var expected = Expected(world, request);
        if (error != expected)
        {
            throw Violated($"{request.Request.Id.Value} is answered {error?.ToString() ?? "accepted"} where {expected?.ToString() ?? "accepted"} is right");
        }

        if (error == RequestError.NotSupported)
        {
            world.Marks.Hit(Mark.ImportsRefused);
        }

        if (error is RequestError.QueueFull or RequestError.ContextTooLong or RequestError.Draining)
        {
            world.Marks.Hit(error switch
            {
                RequestError.QueueFull => Mark.QueueFull,
                RequestError.ContextTooLong => Mark.ContextTooLong,
                _ => Mark.RefusedDraining,
            });
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (Waiting(world, null) > world.Settings.MaxQueued)
        {
            throw Violated($"{Waiting(world, null)} requests wait where {world.Settings.MaxQueued} may");
        }
    }

    private static RequestError? Expected(World world, SimRequest request)
    {
        if (world.Draining)
        {
            return RequestError.Draining;
        }

        if (world.Settings.StatePages > 0 && request.Request.Imports.Count > 0)
        {
            return RequestError.NotSupported;
        }

        if (!Fits(world, request.Request))
        {
            return RequestError.ContextTooLong;
        }

        return Waiting(world, request) >= world.Settings.MaxQueued ? RequestError.QueueFull : null;
    }

    private static bool Fits(World world, Request request)
    {
        var own = request.Prompt.Count + request.Sampling.MaxTokens - request.Imports.Sum(static import => import.Tokens.Count);
        var pages = PagesFor(own) + (2 * world.Settings.StatePages) + Closure(request.Imports).Sum(static module => PagesFor(module.Tokens.Count));
        var last = Math.Max(request.Prompt.Count, (request.Positions?.Max() + 1) ?? 0) + request.Sampling.MaxTokens;
        return last <= world.Settings.MaxModelLength && pages + (request.Adapter?.PageCount ?? 0) + world.Scheduler.State.PinnedPages <= world.Settings.Pages;
    }

    private static int PagesFor(int tokens) => (tokens + FakePages.Slots - 1) / FakePages.Slots;

    private static IEnumerable<ModuleRef> Closure(IEnumerable<ModuleRef> modules) =>
        modules.SelectMany(static module => Closure(module.Context).Append(module)).DistinctBy(static module => module.Key);

    private static int Waiting(World world, SimRequest? except)
    {
        var count = 0;
        foreach (var request in world.Live)
        {
            count += !request.Started && request != except ? 1 : 0;
        }

        return count;
    }
}
