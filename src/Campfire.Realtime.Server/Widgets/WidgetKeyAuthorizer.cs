using Campfire.Realtime.Server.Http;
using Campfire.Realtime.Server.Supabase;

namespace Campfire.Realtime.Server.Widgets;

/// <summary>Lets widgets in by the table <c>widget_keys</c>.</summary>
internal sealed class WidgetKeyAuthorizer(SupabaseRpc rpc) : IWidgetAuthorizer
{
    public async ValueTask<WidgetAuthorization> AuthorizeAsync(WidgetAuthorizationRequest request, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(request.WidgetKey))
            return WidgetAuthorization.Refuse("This server lets widgets in by their key. Send it as widgetKey.");

        if (await FindAsync(request.WidgetKey, cancellationToken).ConfigureAwait(false) is not { } key)
            return WidgetAuthorization.Refuse("The widget key is unknown. Copy it again from the table widget_keys.");
        if (!key.IsEnabled)
            return WidgetAuthorization.Refuse("The widget key is disabled.");
        if (!AllowedOrigins.Permit(key.AllowedOrigins, request.Origin))
            return WidgetAuthorization.Refuse("The page's origin is not among the allowed_origins of the widget key.");
        if (request.OrganizationId is { } organizationId && organizationId != key.OrganizationId)
            return WidgetAuthorization.Refuse("The widget key belongs to another organization. Leave organizationId out.");

        return WidgetAuthorization.Allow(key.OrganizationId);
    }

    private async Task<WidgetKey?> FindAsync(string publicKey, CancellationToken cancellationToken)
    {
        ServerFunctionsJsonContext types = ServerFunctionsJsonContext.Default;
        try
        {
            return await rpc.CallAsync(
                "campfire_find_widget_key", new FindWidgetKeyArguments(publicKey), types.FindWidgetKeyArguments, types.WidgetKey, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (CampfireException e) when (e is { Code: CampfireErrorCode.NotFound, ServerReason: ProblemCodes.NotFound })
        {
            return null;
        }
    }
}
