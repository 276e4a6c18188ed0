using Microsoft.AspNetCore.Http;

namespace Campfire.Realtime.Server;

/// <summary>What a widget states when it asks to be let in. None of it is proven.</summary>
public sealed class WidgetAuthorizationRequest
{
    /// <summary>Gets the HTTP request, with its address, headers and, where the application uses authentication, its user.</summary>
    public required HttpContext HttpContext { get; init; }

    /// <summary>Gets the organization that the widget names; <see langword="null"/> when it names none.</summary>
    public Guid? OrganizationId { get; init; }

    /// <summary>Gets the widget's key, at most 200 characters; <see langword="null"/> when it has none.</summary>
    public string? WidgetKey { get; init; }

    /// <summary>Gets who the visitor claims to be; <see langword="null"/> for a new visitor.</summary>
    public Guid? VisitorId { get; init; }

    /// <summary>Gets the origin that the browser reports; <see langword="null"/> when the request comes from no browser.</summary>
    public string? Origin { get; init; }
}
