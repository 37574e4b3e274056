using Serving.Core.Tenancy;
using Serving.Engine.Turns;

namespace Serving.Engine.Tests.Turns;

public sealed class TenantTurnsTests
{
    private static readonly TenantId Flood = new("flood");
    private static readonly TenantId Small = new("small");
    private static readonly TenantId Other = new("other");

    [Fact]
    public async Task WaitAsync_OneTenantHasManyWaiting_TheOthersComeAfterOneOfIts()
    {
        var turns = new TenantTurns(1);
        var order = new List<string>();
        await turns.WaitAsync(Flood, Token);
        List<Task> waiting = [.. Enumerable.Range(0, 20).Select(_ => TakeAsync(turns, Flood, order)), TakeAsync(turns, Small, order), TakeAsync(turns, Other, order), TakeAsync(turns, Small, order)];

        turns.Release(Flood);
        await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(30), Token);

        Assert.Equal(["flood", "small", "other", "flood", "small", "flood"], order.Take(6));
        Assert.Equal(23, order.Count);
    }

    [Fact]
    public async Task WaitAsync_AsManyTurnsAsThereAre_AreTakenAtOnce()
    {
        var turns = new TenantTurns(2);
        await turns.WaitAsync(Flood, Token);
        await turns.WaitAsync(Flood, Token);
        var third = turns.WaitAsync(Small, Token).AsTask();

        Assert.False(third.IsCompleted);
        turns.Release(Flood);
        await third;
    }

    [Fact]
    public async Task WaitAsync_WhoWaitsGoesAway_NoTurnIsLost()
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var turns = new TenantTurns(1);
        await turns.WaitAsync(Flood, Token);
        var leaving = new[] { Flood, Small, Small }.Select(tenant => turns.WaitAsync(tenant, gone.Token).AsTask()).ToList();
        var staying = turns.WaitAsync(Small, Token).AsTask();

        await gone.CancelAsync();
        foreach (var wait in leaving)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
        }

        turns.Release(Flood);
        await staying.WaitAsync(TimeSpan.FromSeconds(30), Token);
        turns.Release(Small);
        await turns.WaitAsync(Other, Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await turns.WaitAsync(Other, gone.Token));
        turns.Release(Other);
        Assert.True(turns.WaitAsync(Other, Token).IsCompletedSuccessfully);
    }

    /// <summary>Turns that do not end: one tenant has as many as it may, and others have the rest.</summary>
    [Fact]
    public async Task WaitAsync_OneTenantHasAsManyAsItMay_TheOthersHaveTheRest()
    {
        var turns = new TenantTurns(3, perTenant: 2, mostWaiting: 1);
        Assert.True(await turns.WaitAsync(Flood, Token));
        Assert.True(await turns.WaitAsync(Flood, Token));
        var waiting = turns.WaitAsync(Flood, Token).AsTask();
        Assert.False(await turns.WaitAsync(Flood, Token));
        Assert.True(await turns.WaitAsync(Small, Token));
        var other = turns.WaitAsync(Other, Token).AsTask();
        Assert.Equal((false, false, 2), (waiting.IsCompleted, other.IsCompleted, turns.Waiting));

        // A turn of the others is not for who has as many as it may, though it came first.
        turns.Release(Small);
        Assert.True(await other);
        Assert.False(waiting.IsCompleted);
        turns.Release(Flood);
        Assert.True(await waiting);
        Assert.Equal(0, turns.Waiting);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task TakeAsync(TenantTurns turns, TenantId tenant, List<string> order)
    {
        await turns.WaitAsync(tenant, Token);
        order.Add(tenant.Value);
        turns.Release(tenant);
    }
}
