using Serving.Core.Memory;
using Serving.Core.Tenancy;

namespace Serving.Core.Tests.Tenancy;

public sealed class AdmissionControllerTests
{
    [Fact]
    public void TryEnter_TenantAtItsLimit_OthersStillEnter()
    {
        var controller = new AdmissionController(10);
        var (small, large) = (Tenant("small", 1), Tenant("large", 5));
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryEnter(small));
        Assert.Equal(AdmissionVerdict.TenantLimit, controller.TryEnter(small));
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryEnter(large));
        controller.Leave(small, 0);
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryEnter(small));
    }

    [Fact]
    public void TryEnter_PlacesTaken_IsQueueFull()
    {
        var controller = new AdmissionController(2);
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryEnter(Tenant("a", 5)));
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryEnter(Tenant("b", 5)));
        Assert.Equal(AdmissionVerdict.QueueFull, controller.TryEnter(Tenant("c", 5)));
        Assert.Equal(2, controller.Requests);
    }

    [Fact]
    public void TryReserve_UpToTheLimitAndOneMore_RefusesTheOne()
    {
        var controller = new AdmissionController(5);
        var tenant = Tenant("a", 5, tokens: 100);
        controller.TryEnter(tenant);
        controller.TryEnter(tenant);
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryReserve(tenant, 60));
        Assert.Equal(AdmissionVerdict.TenantLimit, controller.TryReserve(tenant, 41));
        Assert.Equal(AdmissionVerdict.TenantLimit, controller.TryReserve(tenant, long.MaxValue));
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryReserve(tenant, 40));
        controller.Leave(tenant, 60);
        Assert.Equal(AdmissionVerdict.Admitted, controller.TryReserve(tenant, 60));
    }

    [Fact]
    public void Leave_MoreThanTaken_Throws()
    {
        var controller = new AdmissionController(5);
        var tenant = Tenant("a", 5);
        controller.TryEnter(tenant);
        controller.TryReserve(tenant, 10);
        Assert.Throws<InvalidOperationException>(() => controller.Leave(tenant, 11));
        controller.Leave(tenant, 10);
        Assert.Equal(0, controller.Requests);
    }

    private static Tenant Tenant(string name, int requests, long tokens = 1000) => new(new TenantId(name), 1, Digest.None, new TenantLimits(requests, tokens));
}
