using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Serving.Server.Configuration;

namespace Serving.Server.Tenancy;

/// <summary>
/// Finds the caller by the key in <c>Authorization: Bearer</c>, or, at endpoints that take it, in <c>x-api-key</c> where there is no other. Whether a caller is needed is decided by the matched endpoint's metadata, never by the
/// path's text; without any metadata one is.
/// </summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    TenantStore tenants,
    ServingOptions server) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>The scheme's name.</summary>
    public const string SchemeName = "ApiKey";

    /// <summary>The policy of endpoints that are for admins only.</summary>
    public const string AdminPolicy = "admin";

    private const string Prefix = "Bearer ";

    // Where everyone is let in that reaches a loopback address, the pages of other sites must not. No browser speaks HTTP/2 without TLS.
    private bool IsForeign => !server.Server.AllowAnonymous && !HttpProtocol.IsHttp2(Request.Protocol) && !LocalNames.Has(Request.Host);

    /// <inheritdoc/>
    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var directory = tenants.Current;
        var caller = directory.Anonymous is { } anyone ? (IsForeign ? null : anyone)
            : Key() is { } key ? directory.Find(key)
            : null;
        if (caller is null)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        Context.Features.Set(caller);
        var identity = new ClaimsIdentity(SchemeName);
        identity.AddClaim(new Claim(ClaimTypes.Name, caller.Tenant.Id.Value));
        if (caller.IsAdmin)
        {
            identity.AddClaim(new Claim(ClaimTypes.Role, AdminPolicy));
        }

        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName)));
    }

    /// <inheritdoc/>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (tenants.Current.Anonymous is not null)
        {
            Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
            return Task.CompletedTask;
        }

        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = "Bearer";
        return Task.CompletedTask;
    }

    private string? Key()
    {
        var header = Request.Headers.Authorization;
        if (header.Count == 0 && Context.GetEndpoint()?.Metadata.GetMetadata<ApiKeyHeader>() is not null)
        {
            return Request.Headers[ApiKeyHeader.Name] is [{ } bare] ? bare.Trim() : null;
        }

        return header is [{ } value] && value.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? value[Prefix.Length..].Trim() : null;
    }
}
