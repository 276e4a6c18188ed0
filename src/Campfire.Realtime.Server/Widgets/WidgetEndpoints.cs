using Campfire.Realtime.Protocol;
using Campfire.Realtime.Server.Http;
using Campfire.Realtime.Server.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Campfire.Realtime.Server.Widgets;

/// <summary>The HTTP side of widgets: reads requests, calls, writes answers.</summary>
internal static class WidgetEndpoints
{
    private static WidgetRequestJsonContext Requests => WidgetRequestJsonContext.Default;

    private static WidgetResponseJsonContext Responses => WidgetResponseJsonContext.CamelCase;

    public static void Map(RouteGroupBuilder widget)
    {
        widget.MapPost("auth", AuthenticateAsync);
        widget.MapGet("messages", GetMessagesAsync);
        widget.MapPost("messages", SendMessageAsync);
        widget.MapPost("typing", SendTypingAsync);
        widget.MapPost("read", MarkReadAsync);
    }

    private static async Task<IResult> AuthenticateAsync(
        HttpContext context, WidgetAuthLimiter limiter, WidgetSessions sessions, CampfireServerOptions options, CancellationToken cancellationToken)
    {
        limiter.Admit(context.Connection.RemoteIpAddress);
        WidgetAuthRequest request = await JsonBody
            .ReadAsync(context.Request, Requests.WidgetAuthRequest, options.MaxRequestBodyBytes, cancellationToken).ConfigureAwait(false);
        WidgetAuthResponse response = await sessions.OpenAsync(context, request, cancellationToken).ConfigureAwait(false);
        return TypedResults.Json(response, Responses.WidgetAuthResponse);
    }

    private static async Task<IResult> GetMessagesAsync(
        HttpContext context, VisitorTokenReader tokens, WidgetConversation conversation, CancellationToken cancellationToken)
    {
        VisitorIdentity visitor = await tokens.RequireAsync(context.Request).ConfigureAwait(false);
        MessagesQuery query = MessagesQuery.Parse(context.Request.Query);
        WidgetMessagesResponse page = await conversation.GetMessagesAsync(visitor, query, cancellationToken).ConfigureAwait(false);
        return TypedResults.Json(page, Responses.WidgetMessagesResponse);
    }

    private static async Task<IResult> SendMessageAsync(
        HttpContext context, VisitorTokenReader tokens, WidgetConversation conversation, CampfireServerOptions options, CancellationToken cancellationToken)
    {
        VisitorIdentity visitor = await tokens.RequireAsync(context.Request).ConfigureAwait(false);
        WidgetMessageRequest request = await JsonBody
            .ReadAsync(context.Request, Requests.WidgetMessageRequest, options.MaxRequestBodyBytes, cancellationToken).ConfigureAwait(false);
        WidgetMessage message = await conversation.SendMessageAsync(visitor, request, cancellationToken).ConfigureAwait(false);
        return TypedResults.Json(message, Responses.WidgetMessage, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> SendTypingAsync(
        HttpContext context, VisitorTokenReader tokens, WidgetConversation conversation, CampfireServerOptions options, CancellationToken cancellationToken)
    {
        VisitorIdentity visitor = await tokens.RequireAsync(context.Request).ConfigureAwait(false);
        WidgetTypingRequest request = await JsonBody
            .ReadAsync(context.Request, Requests.WidgetTypingRequest, options.MaxRequestBodyBytes, cancellationToken).ConfigureAwait(false);
        await conversation.SendTypingAsync(visitor, request, cancellationToken).ConfigureAwait(false);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> MarkReadAsync(
        HttpContext context, VisitorTokenReader tokens, WidgetConversation conversation, CampfireServerOptions options, CancellationToken cancellationToken)
    {
        VisitorIdentity visitor = await tokens.RequireAsync(context.Request).ConfigureAwait(false);
        WidgetReadRequest request = await JsonBody
            .ReadAsync(context.Request, Requests.WidgetReadRequest, options.MaxRequestBodyBytes, cancellationToken).ConfigureAwait(false);
        ReadReceipt receipt = await conversation.MarkAsync(visitor, request, cancellationToken).ConfigureAwait(false);
        return TypedResults.Json(receipt, Responses.ReadReceipt);
    }
}
