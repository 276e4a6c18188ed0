namespace Campfire.Realtime.Protocol;

/// <summary>A visitor came, left or opened a page (<c>visitor:joined</c>, <c>visitor:left</c>, <c>visitor:page:view</c>).</summary>
public sealed record VisitorActivity
{
    /// <summary>Gets the visitor's identifier.</summary>
    public required Guid VisitorId { get; init; }

    /// <summary>Gets the address of the page.</summary>
    public string? PageUrl { get; init; }

    /// <summary>Gets the title of the page.</summary>
    public string? PageTitle { get; init; }

    /// <summary>Gets when it happened, in UTC.</summary>
    public required DateTimeOffset OccurredAt { get; init; }
}
