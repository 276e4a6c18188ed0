namespace Campfire.Realtime.Server;

/// <summary>The answer of an <see cref="IWidgetAuthorizer"/>.</summary>
public sealed class WidgetAuthorization
{
    private WidgetAuthorization(Guid? organizationId, Guid? visitorId, string? refusal)
    {
        OrganizationId = organizationId;
        VisitorId = visitorId;
        Refusal = refusal;
    }

    /// <summary>Gets the organization that the widget may talk to; <see langword="null"/> when it is refused.</summary>
    public Guid? OrganizationId { get; }

    /// <summary>Gets the visitor that the authorizer vouches for; <see langword="null"/> when it vouches for none.</summary>
    public Guid? VisitorId { get; }

    /// <summary>Gets why the widget is refused; <see langword="null"/> when it is not.</summary>
    public string? Refusal { get; }

    /// <summary>Lets the widget in.</summary>
    /// <param name="organizationId">The organization that it may talk to.</param>
    /// <param name="visitorId">
    /// The visitor, if the authorizer knows who it is, for example from the site's own login. The visitor may then resume all of its
    /// conversations. Never pass on <see cref="WidgetAuthorizationRequest.VisitorId"/> unchecked: that lets everybody be anybody.
    /// </param>
    /// <exception cref="ArgumentException">An identifier is the nil UUID.</exception>
    public static WidgetAuthorization Allow(Guid organizationId, Guid? visitorId = null)
    {
        if (organizationId == Guid.Empty)
            throw new ArgumentException("The nil UUID is no organization.", nameof(organizationId));
        if (visitorId == Guid.Empty)
            throw new ArgumentException("The nil UUID is no visitor.", nameof(visitorId));

        return new WidgetAuthorization(organizationId, visitorId, refusal: null);
    }

    /// <summary>Refuses the widget with 403.</summary>
    /// <param name="reason">The cause and the remedy, in words. The widget is told them.</param>
    /// <exception cref="ArgumentException">The reason is empty.</exception>
    public static WidgetAuthorization Refuse(string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        return new WidgetAuthorization(organizationId: null, visitorId: null, reason);
    }
}
