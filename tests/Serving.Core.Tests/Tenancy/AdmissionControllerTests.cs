using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Memory;
using Serving.Core.Tenancy;

namespace Serving.Core.Tests.Tenancy;

public sealed class AdmissionControllerTests
{
    private const long Minute = TokenBucket.Minute;

    [Fact]
    public void TryEnter_TenantAtItsLimit_OthersStillEnter()
    {
        var controller = new AdmissionController(10);
        var (small, large) = (Tenant("small", 1), Tenant("large", 5));
        var place = Enter(controller, small);
        Assert.Equal(new AdmissionDecision(AdmissionVerdict.TenantLimit, TenantLimitKind.ConcurrentRequests, 1, 1), controller.TryEnter(small, 0, out var none));
        Assert.Null(none);
        Enter(controller, large);
        controller.Leave(place, 0, 0);
        Enter(controller, small);
    }

    [Fact]
    public void TryEnter_PlacesTaken_IsQueueFull()
    {
        var controller = new AdmissionController(2);
        Enter(controller, Tenant("a", 5));
        Enter(controller, Tenant("b", 5));
        Assert.Equal(AdmissionVerdict.QueueFull, controller.TryEnter(Tenant("c", 5), 0, out _).Verdict);
        Assert.Equal(2, controller.Requests);
    }

    [Fact]
    public void TryReserve_UpToTheLimitAndOneMore_RefusesTheOne()
    {
        var controller = new AdmissionController(5);
        var tenant = Tenant("a", 5, tokens: 100);
        var (first, second) = (Enter(controller, tenant), Enter(controller, tenant));
        Assert.True(controller.TryReserve(first, 60, 0).IsAdmitted);
        Assert.Equal(new AdmissionDecision(AdmissionVerdict.TenantLimit, TenantLimitKind.TokensInFlight, 100, 41), controller.TryReserve(second, 41, 0));
        Assert.True(controller.TryReserve(second, 40, 0).IsAdmitted);
        controller.Leave(first, 60, 0);
        Assert.True(controller.TryReserve(Enter(controller, tenant), 60, 0).IsAdmitted);
    }

    [Fact]
    public void TryReserve_MoreThanALimitByItself_WillNeverBeLetIn()
    {
        var controller = new AdmissionController(5);
        var place = Enter(controller, Tenant("a", 5, tokens: 100, perMinute: 50));
        Assert.Equal(new AdmissionDecision(AdmissionVerdict.TooLarge, TenantLimitKind.TokensInFlight, 100, long.MaxValue), controller.TryReserve(place, long.MaxValue, 0));
        Assert.Equal(new AdmissionDecision(AdmissionVerdict.TooLarge, TenantLimitKind.TokensPerMinute, 50, 51), controller.TryReserve(place, 51, 0));
        Assert.True(controller.TryReserve(place, 50, 0).IsAdmitted);
    }

    [Fact]
    public void Leave_Twice_Throws()
    {
        var controller = new AdmissionController(5);
        var place = Enter(controller, Tenant("a", 5, perMinute: 100));
        Assert.True(controller.TryReserve(place, 10, 0).IsAdmitted);
        controller.Leave(place, 4, 0);
        Assert.Throws<InvalidOperationException>(() => controller.Leave(place, 4, 0));
        Assert.Throws<InvalidOperationException>(() => controller.Withdraw(place, 0));
        Assert.Throws<InvalidOperationException>(() => controller.TryReserve(place, 1, 0));
        Assert.Equal((0, 96L), (controller.Requests, controller.RatesOf(Tenant("a", 5, perMinute: 100), 0).Tokens!.Value.Remaining));
    }

    [Fact]
    public void TryEnter_RequestsPerMinute_RefusesUntilThereIsOne()
    {
        var controller = new AdmissionController(100);
        var tenant = Tenant("a", 100, requestsPerMinute: 2);
        controller.Leave(Enter(controller, tenant), 0, 0);
        controller.Leave(Enter(controller, tenant), 0, 0);
        var refused = controller.TryEnter(tenant, 10, out _);
        Assert.Equal(new AdmissionDecision(AdmissionVerdict.RateLimit, TenantLimitKind.RequestsPerMinute, 2, 1, (Minute / 2) - 10), refused);
        Assert.True(controller.TryEnter(tenant, 10 + refused.RetryMicroseconds, out _).IsAdmitted);
        Enter(controller, Tenant("b", 1, requestsPerMinute: 1));
    }

    [Fact]
    public void TryReserve_TokensPerMinute_SettlesToWhatWasUsed()
    {
        var controller = new AdmissionController(100);
        var tenant = Tenant("a", 100, perMinute: 100);
        var place = Enter(controller, tenant);
        Assert.True(controller.TryReserve(place, 90, 0).IsAdmitted);
        var next = Enter(controller, tenant);
        Assert.Equal(new AdmissionDecision(AdmissionVerdict.RateLimit, TenantLimitKind.TokensPerMinute, 100, 30, 12_000_000), controller.TryReserve(next, 30, 0));
        controller.Leave(place, usedTokens: 50, 0);
        Assert.Equal(new RateStatus(100, 50, 30_000_000), controller.RatesOf(tenant, 0).Tokens);
        Assert.True(controller.TryReserve(next, 30, 0).IsAdmitted);
    }

    [Fact]
    public void TryReserve_RefusedByALimit_TheRequestIsNotCountedEither()
    {
        var controller = new AdmissionController(100);
        var tenant = Tenant("a", 100, requestsPerMinute: 1, perMinute: 10);
        var place = Enter(controller, tenant);
        Assert.False(controller.TryReserve(place, 11, 0).IsAdmitted);
        controller.Leave(place, 0, 0);
        var again = Enter(controller, tenant);
        controller.Withdraw(again, 0);
        controller.Leave(Enter(controller, tenant), 0, 0);
        Assert.Equal(AdmissionVerdict.RateLimit, controller.TryEnter(tenant, 0, out _).Verdict);
    }

    [Fact]
    public void RatesOf_LimitsChanged_WhatWasChargedStays()
    {
        var controller = new AdmissionController(100);
        var place = Enter(controller, Tenant("a", 100, requestsPerMinute: 10));
        controller.Leave(place, 0, 0);
        Assert.Null(controller.RatesOf(Tenant("a", 100), 0).Requests);
        Enter(controller, Tenant("a", 100)); // Unlimited for a while: not charged.
        Assert.Equal(19, controller.RatesOf(Tenant("a", 100, requestsPerMinute: 20), 0).Requests!.Value.Remaining);
    }

    [Fact]
    public void TryEnter_ManyTenants_ForgetsThoseWhoseBucketsAreFull()
    {
        var controller = new AdmissionController(int.MaxValue);
        var staying = Enter(controller, Tenant("stays", 1));
        for (var i = 0; i < 10_000; i++)
        {
            // One request takes a second to drain, and one tenant comes each second: there is hardly ever more than one to remember.
            var tenant = Tenant($"t{i}", 1, requestsPerMinute: 60);
            controller.Leave(Enter(controller, tenant, i * 1_000_000L), 0, i * 1_000_000L);
            Assert.InRange(controller.Tenants, 1, 65);
        }

        controller.Leave(staying, 0, 0);
    }

    [Fact]
    public void AnyOperations_ReservationsAreNeverNegativeAndRatesHold() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), RunMany).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    private static void RunMany(int seed)
    {
        var draw = new Draw(seed);
        var tenants = Enumerable.Range(0, 3).Select(i => Tenant($"t{i}", 1 + draw.Below(4), 1 + draw.Below(200), draw.Below(2) == 0 ? null : 1 + draw.Below(20), draw.Below(2) == 0 ? null : 1 + draw.Below(300))).ToArray();
        var controller = new AdmissionController(1 + draw.Below(8));
        var places = new List<(AdmissionTicket Ticket, long Tokens)>();
        var let = tenants.ToDictionary(tenant => tenant.Id, _ => (Requests: 0L, Tokens: 0L));
        var now = 0L;
        for (var step = 0; step < 200; step++)
        {
            now += draw.Below(3) * (long)draw.Below((int)Minute / 30);
            var tenant = tenants[draw.Below(tenants.Length)];
            if (draw.Below(2) == 0 && places.Count > 0)
            {
                var at = draw.Below(places.Count);
                var (ticket, tokens) = places[at];
                var used = draw.Below((int)tokens + 1);
                controller.Leave(ticket, used, now);
                places.RemoveAt(at);

                // Counted as used when it ends: what is given back too late was not let in anew.
                let[ticket.Tenant.Id] = (let[ticket.Tenant.Id].Requests, let[ticket.Tenant.Id].Tokens + used);
            }
            else if (controller.TryEnter(tenant, now, out var ticket).IsAdmitted)
            {
                var tokens = draw.Below(100);
                if (controller.TryReserve(ticket!, tokens, now).IsAdmitted)
                {
                    places.Add((ticket!, tokens));
                    let[tenant.Id] = (let[tenant.Id].Requests + 1, let[tenant.Id].Tokens);
                }
                else
                {
                    controller.Withdraw(ticket!, now);
                }
            }

            Check(controller, tenants, places, let, now);
        }
    }

    private static void Check(
        AdmissionController controller, Tenant[] tenants, List<(AdmissionTicket Ticket, long Tokens)> places, Dictionary<TenantId, (long Requests, long Tokens)> let, long now)
    {
        Assert.Equal(places.Count, controller.Requests);
        foreach (var tenant in tenants)
        {
            var own = places.Where(place => place.Ticket.Tenant == tenant).ToList();
            Assert.True(own.Count <= tenant.Limits.ConcurrentRequests && own.Sum(place => place.Tokens) <= tenant.Limits.TokensInFlight);
            Assert.All(own, place => Assert.Equal(place.Tokens, place.Ticket.ReservedTokens));
            var (requests, tokens) = let[tenant.Id];
            AssertRate(requests, tenant.Limits.RequestsPerMinute, now);
            AssertRate(tokens + own.Sum(place => place.Tokens), tenant.Limits.TokensPerMinute, now);
        }
    }

    private static void AssertRate(long let, long? rate, long now) =>
        Assert.True(rate is null || let * (Int128)Minute <= rate * (Int128)(now + Minute), $"{let} were let in at {rate} per minute in {now} µs");

    private static AdmissionTicket Enter(AdmissionController controller, Tenant tenant, long now = 0)
    {
        Assert.True(controller.TryEnter(tenant, now, out var ticket).IsAdmitted);
        return ticket!;
    }

    private static Tenant Tenant(string name, int requests, long tokens = 1000, long? requestsPerMinute = null, long? perMinute = null) =>
        new(new TenantId(name), 1, Digest.None, new TenantLimits(requests, tokens, requestsPerMinute, perMinute));
}
