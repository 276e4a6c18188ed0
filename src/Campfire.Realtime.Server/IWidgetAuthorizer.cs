namespace Campfire.Realtime.Server;

/// <summary>Decides which widgets may open conversations, and in which organization.</summary>
public interface IWidgetAuthorizer
{
    /// <summary>Decides on one request.</summary>
    /// <param name="request">What the widget states. None of it is proven.</param>
    /// <param name="cancellationToken">Cancelled when the widget gives up.</param>
    /// <returns>The organization that the widget may talk to, or a refusal.</returns>
    ValueTask<WidgetAuthorization> AuthorizeAsync(WidgetAuthorizationRequest request, CancellationToken cancellationToken);
}
