using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class ModuleTests
{
    private static readonly SchedulerOptions Roomy = Small with { MaxBatchedTokens = 64 };

    private static ModuleRef Preamble { get; } = Module(0, 5, 0);

    private static ModuleRef Miami { get; } = Module(1, 21, 5, Preamble);

    private static ModuleRef Paris { get; } = Module(2, 33, 26, Preamble);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RunToEnd_PreambleAndOneModule_IsTheAnswerOfTheSameTokensAtTheSamePositions(int depth)
    {
        var request = Importing(1, Preamble, Miami);
        var plain = request with { Imports = [] };
        var harness = new SchedulerHarness(Roomy).Submit(request).RunToEnd(depth);
        Assert.Equal(Alone(plain), harness.Outputs[(1, 0)]);
        Assert.Equal((2, 3, 2L), Modules(harness));
    }

    [Fact]
    public void RunToEnd_SiblingBesideIt_LeavesTheModuleAsItIs()
    {
        // With a sibling before it in the same request, with another one, and alone: what a later request reads of Paris is the same.
        var harness = new SchedulerHarness(Roomy).Submit(Importing(1, Preamble, Miami, Paris)).RunToEnd();
        harness.Submit(Importing(2, Preamble, Paris)).RunToEnd();
        Assert.Equal(Alone(Importing(2, Preamble, Paris)), harness.Outputs[(2, 0)]);
        Assert.Equal(3, harness.Scheduler.Snapshot().ModuleEncodes);
    }

    [Fact]
    public void Schedule_ModulesResident_ComputesOnlyWhatFollowsThem()
    {
        var harness = new SchedulerHarness(Roomy).Submit(Importing(1, Preamble, Miami)).RunToEnd();
        harness.Submit(Importing(2, Preamble, Miami, Paris));
        var encode = harness.Launch()!;
        Assert.Equal((33, 5), (encode.RowCount, encode.Sequences[0].FirstOrdinal));
        Assert.Same(Paris, encode.Sequences[0].Sequence.Module);
        harness.Land();
        var plan = harness.Launch()!;
        var sequence = plan.Sequences[0].Sequence;
        Assert.Equal((7, 59, 26), (plan.RowCount, plan.Sequences[0].FirstOrdinal, sequence.CachedCount));
        Assert.Equal([true, true, false], sequence.ImportHits);
        Assert.Equal([5, 16, 5, 16, 16, 1, 7], plan.Pages.ToArray().Select(entry => entry.ValidLength));
        harness.Land();
    }

    [Fact]
    public void Schedule_ManyAskAtOnce_EncodeOnceAndShareThePages()
    {
        var harness = new SchedulerHarness(Roomy with { PageCount = 128, MaxSequences = 40 });
        harness.Submit([.. Enumerable.Range(1, 30).Select(i => Importing(i, Preamble, Miami))]);
        harness.Step();
        harness.Step();
        harness.Step();
        Assert.Equal((2, 3, 2L), Modules(harness));
        harness.RunToEnd();
        Assert.Equal((2, 3, 2L), Modules(harness));
        Assert.Equal(58, harness.Scheduler.Snapshot().ModuleHits);
        Assert.All(Enumerable.Range(1, 30), i => Assert.Equal(Alone(Importing(i, Preamble, Miami)), harness.Outputs[(i, 0)]));
    }

    [Fact]
    public void Cancel_AskerWhileOthersWait_TheEncodingGoesOn()
    {
        var harness = new SchedulerHarness(Roomy with { MaxBatchedTokens = 8 }).Submit(Importing(1, Preamble, Paris), Importing(2, Preamble, Paris));
        harness.Step();
        harness.Step();
        harness.Scheduler.Cancel(new RequestId(1));
        harness.Scheduler.CheckIntegrity();
        Assert.Equal(1, harness.Scheduler.Snapshot().EncodingModules);
        harness.RunToEnd();
        Assert.Equal(2, harness.Scheduler.Snapshot().ModuleEncodes);
        Assert.Equal(Alone(Importing(2, Preamble, Paris)), harness.Outputs[(2, 0)]);
    }

    [Fact]
    public void Cancel_NobodyElseWaits_TheEncodingStopsAndItsPagesAreFree()
    {
        var harness = new SchedulerHarness(Roomy with { MaxBatchedTokens = 8 }).Submit(Importing(1, Preamble, Paris));
        harness.Step();
        harness.Step();
        Assert.Equal(1, harness.Scheduler.Snapshot().EncodingModules);
        harness.Scheduler.Cancel(new RequestId(1));
        harness.Scheduler.CheckIntegrity();
        var snapshot = harness.Scheduler.Snapshot();
        Assert.Equal((0, 1, Roomy.PageCount - 1), (snapshot.EncodingModules, snapshot.ModulePages, snapshot.FreePages));
    }

    [Theory]
    [InlineData("b", 0)]
    [InlineData("a", 1)]
    public void RunToEnd_EqualTextOfAnotherTenantOrAdapter_IsEncodedForItself(string tenant, int adapter)
    {
        var harness = new SchedulerHarness(Roomy).Submit(Importing(1, Preamble)).RunToEnd();
        var used = adapter == 0 ? null : Adapter(adapter);
        var other = Module(0, 5, 0) with { Key = Digest.Of([99]) };
        var request = Importing(2, other) with { Tenant = Tenant(tenant), Adapter = used };
        harness.Submit(request).RunToEnd();
        Assert.Equal(Alone(request), harness.Outputs[(2, 0)]);
        Assert.Equal((2L, 0L), (harness.Scheduler.Snapshot().ModuleEncodes, harness.Scheduler.Snapshot().ModuleHits));
    }

    [Fact]
    public void RunToEnd_SameKeyOtherContent_IsNotBelieved()
    {
        var harness = new SchedulerHarness(Roomy).Submit(Importing(1, Preamble)).RunToEnd();
        var liar = Module(7, 5, 0) with { Key = Preamble.Key };
        var shifted = Preamble with { Positions = [1, 2, 3, 4, 5] };
        harness.Submit(Importing(2, liar), Importing(3, shifted)).RunToEnd();
        Assert.Equal(3, harness.Scheduler.Snapshot().ModuleEncodes);
    }

    [Fact]
    public void RunToEnd_OtherModulesBeforeEqualTokens_AreNotFoundInThePrefixCache()
    {
        var harness = new SchedulerHarness(Roomy).Submit(Importing(1, 40, Preamble, Miami)).RunToEnd();
        harness.Submit(Importing(2, 40, Preamble, Miami)).RunToEnd();
        Assert.Equal(32, harness.Scheduler.Snapshot().PrefixHits);
        harness.Submit(Importing(3, 40, Preamble)).RunToEnd();
        Assert.Equal(32, harness.Scheduler.Snapshot().PrefixHits);
    }

    [Fact]
    public void RunToEnd_ChoicesOfOneRequest_ShareTheModules()
    {
        var request = Importing(1, Preamble, Miami) with { Choices = 3 };
        var harness = new SchedulerHarness(Roomy).Submit(request).RunToEnd();
        Assert.All(Enumerable.Range(0, 3), choice => Assert.Equal(Alone(request, choice), harness.Outputs[(1, choice)]));
        Assert.Equal((2, 3, 2L), Modules(harness));
    }

    [Fact]
    public void RunToEnd_MoreModulesThanRoom_EveryAnswerIsTheOneGivenAlone()
    {
        var modules = Enumerable.Range(1, 12).Select(i => Module(i, 20 + i, 5, Preamble)).ToArray();
        var requests = Enumerable.Range(1, 40).Select(i => Importing(i, Preamble, modules[i * 7 % 12])).ToArray();
        var harness = new SchedulerHarness(Roomy with { PageCount = 16 }).Submit(requests).RunToEnd();
        Assert.All(requests, request => Assert.Equal(Alone(request), harness.Outputs[(request.Id.Value, 0)]));
        Assert.True(harness.Scheduler.Snapshot().ModuleEvictions > 0);
    }

    [Fact]
    public void RunToEnd_EvictedModuleWithACopy_ComesBackFromHostMemory()
    {
        var harness = new SchedulerHarness(Roomy with { PageCount = 14, HostPageCount = 8 }).Submit(Importing(1, Preamble, Miami)).RunToEnd();
        harness.Step();
        Assert.Equal(3, harness.Scheduler.Snapshot().HostPages);
        harness.Submit(Request(2, 150, 60)).RunToEnd();
        Assert.Equal(0, harness.Scheduler.Snapshot().Modules);
        harness.Submit(Importing(3, Preamble, Miami)).RunToEnd();
        Assert.Equal(Alone(Importing(3, Preamble, Miami)), harness.Outputs[(3, 0)]);
        var snapshot = harness.Scheduler.Snapshot();
        Assert.Equal((2L, 2L, 2L), (snapshot.ModuleEncodes, snapshot.ModuleLoads, snapshot.ModuleHits));
    }

    [Fact]
    public void ModuleTransferFailed_OnItsWayBack_IsEncodedAgain()
    {
        var harness = new SchedulerHarness(Roomy with { PageCount = 14, HostPageCount = 8 }).Submit(Importing(1, Preamble)).RunToEnd();
        harness.Step();
        harness.Submit(Request(2, 150, 60)).RunToEnd();
        harness.LoadsAtOnce = false;
        harness.Submit(Importing(3, Preamble));
        harness.Step();
        var load = Assert.Single(harness.Transfers);
        harness.Scheduler.ModuleTransferFailed(load.Number);
        harness.Transfers.Clear();
        harness.Scheduler.CheckIntegrity();
        Assert.Equal(0, harness.Scheduler.Snapshot().HostPages);
        harness.RunToEnd();
        Assert.Equal(Alone(Importing(3, Preamble)), harness.Outputs[(3, 0)]);
        Assert.Equal(2, harness.Scheduler.Snapshot().ModuleEncodes);
    }

    [Fact]
    public void PinModule_NothingElseToRun_IsEncodedAndStays()
    {
        var harness = new SchedulerHarness(Roomy with { PageCount = 20 }).Submit(Request(1, 10, 3));
        Assert.True(harness.Scheduler.PinModule(Miami, Tenant(), null));
        harness.Step();
        Assert.Equal(0, harness.Scheduler.Snapshot().EncodingModules);
        harness.RunToEnd();
        while (harness.Step())
        {
        }

        Assert.Equal((2, 3, 2L), Modules(harness));
        harness.Submit([.. Enumerable.Range(2, 20).Select(i => Request(i, 60, 40))]).RunToEnd();
        Assert.Equal((1, 2, 2L), Modules(harness));
        harness.Scheduler.UnpinModule(Miami, null);
        harness.Submit([.. Enumerable.Range(30, 20).Select(i => Request(i, 60, 40))]).RunToEnd();
        Assert.Equal((0, 0, 2L), Modules(harness));
    }

    [Fact]
    public void PinModule_BeyondTheShareOrWhatARequestNeeds_IsRefused()
    {
        var harness = new SchedulerHarness(Roomy with { PageCount = 20 });
        Assert.False(harness.Scheduler.PinModule(Module(3, 90, 0), Tenant(), null));
        harness.Submit(Request(1, 250, 54));
        Assert.False(harness.Scheduler.PinModule(Miami, Tenant(), null));
        harness.RunToEnd();
        Assert.True(harness.Scheduler.PinModule(Miami, Tenant(), null));
        Assert.Equal(RequestError.ContextTooLong, harness.Scheduler.Submit(Request(2, 250, 54), 0));
    }

    [Theory]
    [InlineData(3, null)]
    [InlineData(2, RequestError.ContextTooLong)]
    public void Submit_ImportsOwnPagesAndWhatTheyAreEncodedOn_MustFit(int spare, RequestError? expected)
    {
        // Preamble 1, Miami 2, own 7 + 8 tokens 1; the preamble counts although it is not imported.
        var harness = new SchedulerHarness(Roomy with { PageCount = spare + 1 });
        Assert.Equal(expected, harness.Scheduler.Submit(Importing(1, Miami), 0));
        if (expected is null)
        {
            harness.RunToEnd();
            Assert.Equal(FinishReason.Length, harness.Ends[(1, 0)].Reason);
        }
    }

    [Fact]
    public void Submit_ScoringAnImportedPrompt_IsRefused() =>
        Assert.Equal(RequestError.NotSupported, new SchedulerHarness().Scheduler.Submit(Importing(1, Preamble) with { ScorePrompt = true }, 0));

    [Fact]
    public void RunToEnd_Imports_AreChargedToWhoAskedFirst()
    {
        var harness = new SchedulerHarness(Roomy).Submit(Importing(1, Preamble, Miami), Importing(2, Preamble, Miami) with { Tenant = Tenant("b") }).RunToEnd();
        var tenants = harness.Scheduler.Snapshot().Tenants;
        Assert.Equal((33L, 7L), (tenants[0].InputTokens, tenants[1].InputTokens));
    }

    private static (int Modules, int Pages, long Encodes) Modules(SchedulerHarness harness)
    {
        var snapshot = harness.Scheduler.Snapshot();
        return (snapshot.Modules, snapshot.ModulePages, snapshot.ModuleEncodes);
    }

    private static Request Importing(long id, params ModuleRef[] imports) => Importing(id, 7, imports);

    private static Request Importing(long id, int own, params ModuleRef[] imports)
    {
        var request = Request(id, own, 8, seed: 40);
        return request with
        {
            Imports = imports,
            Prompt = [.. imports.SelectMany(module => module.Tokens), .. request.Prompt],
            Positions = [.. imports.SelectMany(module => module.Positions), .. Enumerable.Range(60, own)],
        };
    }

    private static ModuleRef Module(int number, int tokens, int firstPosition, params ModuleRef[] context)
    {
        int[] ids = [.. Enumerable.Range(0, tokens).Select(i => ((number * 977) + (i * 31)) % 1000)];
        int[] positions = [.. Enumerable.Range(firstPosition, tokens)];
        return new ModuleRef { Key = ModuleKeys.Of(Digest.None, context, ids, positions), Tokens = ids, Positions = positions, Context = context };
    }
}
