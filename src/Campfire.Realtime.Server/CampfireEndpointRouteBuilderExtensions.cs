using System.Diagnostics.CodeAnalysis;
using Campfire.Realtime;
using Campfire.Realtime.Server;
using Campfire.Realtime.Server.Http;
using Campfire.Realtime.Server.Widgets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the endpoints of the server SDK.</summary>
public static class CampfireEndpointRouteBuilderExtensions
{
    /// <summary>Maps the endpoints that widgets call below <paramref name="prefix"/>.</summary>
    /// <remarks>
    /// <para>
    /// <c>POST widget/auth</c> takes <c>{organizationId or widgetKey, visitorId?, conversationId?, name?, email?}</c>, with at most 200
    /// characters in the key and the name and 320 in the e-mail address, opens or resumes a conversation and answers with
    /// <c>{conversationId, visitorId, organizationId, accessToken, expiresAt, supabaseUrl, apiKey, channels: {conversation, typing}}</c>.
    /// The channels are names; their topic at Realtime is <c>bcast:</c> and the name.
    /// </para>
    /// <para>
    /// A conversation is resumed only for its own visitor: the one whose visitor token comes as <c>Authorization: Bearer</c>, valid or
    /// expired for at most <see cref="CampfireServerOptions.ResumeWindow"/>, or the one that the <see cref="IWidgetAuthorizer"/> vouches
    /// for. A mere <c>visitorId</c> proves nothing: its bearer becomes a new visitor, and a <c>conversationId</c> is then not found.
    /// </para>
    /// <para>
    /// The other endpoints serve widgets that speak plain HTTP, for the conversation of the visitor token in <c>Authorization: Bearer</c>.
    /// <c>POST widget/messages</c> takes <c>{id?, content, attachments?, metadata?}</c> within the limits of <see cref="OutgoingMessage"/>
    /// and answers 201 with the stored message; the same <c>id</c> again stores nothing new.
    /// <c>GET widget/messages</c> takes <c>limit</c> (50; 1 to 200) and either <c>before</c>, newest first, or <c>after</c>, oldest first,
    /// and answers <c>{messages, cursor, hasMore}</c>: the cursor is the next <c>before</c> or <c>after</c>, and a page may be empty while
    /// there is more. <c>POST widget/typing</c> takes <c>{isTyping, name?}</c> and answers 204. <c>POST widget/read</c> takes
    /// <c>{readThrough?, deliveredThrough?}</c> and answers with the receipt.
    /// </para>
    /// <para>
    /// JSON names are in camelCase. Unknown fields are ignored. Errors are problem details (RFC 9457) with a stable <c>code</c>:
    /// <c>campfire_malformed</c> 400, <c>campfire_invalid_token</c> 401, <c>campfire_widget_refused</c> and
    /// <c>campfire_not_participant</c> 403, <c>campfire_not_found</c> 404, <c>campfire_conflict</c> 409, <c>campfire_too_large</c> 413,
    /// <c>campfire_unsupported_media_type</c> 415, <c>campfire_invalid</c> 422, <c>campfire_rate_limited</c> 429 with
    /// <c>Retry-After</c>, <c>campfire_upstream</c> 502, <c>campfire_unavailable</c> 503.
    /// </para>
    /// </remarks>
    /// <param name="endpoints">The application.</param>
    /// <param name="prefix">What the paths begin with.</param>
    /// <returns>The group of all endpoints, for <c>RequireCors</c>, <c>RequireRateLimiting</c> and the like.</returns>
    /// <exception cref="InvalidOperationException"><c>AddCampfireServer</c> or an authorizer of widgets is missing.</exception>
    public static RouteGroupBuilder MapCampfire(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string prefix = "/api")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);

        var services = endpoints.ServiceProvider.GetRequiredService<IServiceProviderIsService>();
        if (!services.IsService(typeof(WidgetSessions)))
            throw new InvalidOperationException("MapCampfire needs the server's services. Call builder.Services.AddCampfireServer(…) first.");
        if (!services.IsService(typeof(IWidgetAuthorizer)))
        {
            throw new InvalidOperationException(
                "Nothing says which widgets may connect. Call AuthorizeWidgetsByKey() or AuthorizeWidgetsWith<T>() on what AddCampfireServer returns.");
        }

        RouteGroupBuilder group = endpoints.MapGroup(prefix);
        WidgetEndpoints.Map(group.MapGroup("widget").AddEndpointFilter<ProblemFilter>());
        return group;
    }
}
