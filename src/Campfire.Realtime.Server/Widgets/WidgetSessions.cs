using System.Net;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Server.Http;
using Campfire.Realtime.Server.Supabase;
using Campfire.Realtime.Server.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Widgets;

/// <summary>Lets a widget in: opens or resumes its conversation and issues the token for it.</summary>
internal sealed partial class WidgetSessions(
    IWidgetAuthorizer authorizer, VisitorTokenReader tokens, WidgetTokenIssuer issuer, SupabaseRpc rpc, CampfireServerOptions options, TimeProvider time,
    ILogger<WidgetSessions> logger)
{
    private const int MaxKeyLength = 200;
    private const int MaxNameLength = 200;
    private const int MaxEmailLength = 320;

    /// <exception cref="ProblemException">The widget is not let in, or asks for what is not its own.</exception>
    public async Task<WidgetAuthResponse> OpenAsync(HttpContext context, WidgetAuthRequest request, CancellationToken cancellationToken)
    {
        Check(request);
        WidgetAuthorization authorization = await authorizer.AuthorizeAsync(Describe(context, request), cancellationToken).ConfigureAwait(false);
        if (authorization.OrganizationId is not { } organizationId)
            throw new ProblemException(StatusCodes.Status403Forbidden, ProblemCodes.WidgetRefused, authorization.Refusal ?? "The widget is refused.");

        Guid? known = authorization.VisitorId
            ?? await ProvenVisitorAsync(context.Request, organizationId, request.VisitorId).ConfigureAwait(false);

        // Without a proven visitor this opens a conversation for a new one, to whom no conversationId belongs.
        var arguments = new OpenConversationArguments(
            organizationId, known ?? Guid.CreateVersion7(time.GetUtcNow()), request.Name, request.Email, request.ConversationId,
            AddressOf(context.Connection.RemoteIpAddress));
        ConversationSummary conversation = await OpenConversationAsync(arguments, cancellationToken).ConfigureAwait(false);

        WidgetToken token = issuer.Issue(organizationId, conversation.Id, arguments.PVisitorId);
        return new WidgetAuthResponse(
            conversation.Id,
            arguments.PVisitorId,
            organizationId,
            token.AccessToken,
            token.ExpiresAt,
            (options.PublicUrl ?? options.Url!).AbsoluteUri.TrimEnd('/'),
            options.ApiKey!,
            new WidgetChannels(
                ChannelName.Conversation(organizationId, conversation.Id).Value, ChannelName.ConversationTyping(organizationId, conversation.Id).Value));
    }

    private static void Check(WidgetAuthRequest request)
    {
        if (request.OrganizationId is null && string.IsNullOrEmpty(request.WidgetKey))
            throw ProblemException.Malformed("The fields widgetKey and organizationId are both missing. Send the one that this server asks for.");

        CheckLength(request.WidgetKey, MaxKeyLength, "widgetKey");
        CheckLength(request.Name, MaxNameLength, "name");
        CheckLength(request.Email, MaxEmailLength, "email");
        CheckNotNil(request.OrganizationId, "organizationId");
        CheckNotNil(request.VisitorId, "visitorId");
        CheckNotNil(request.ConversationId, "conversationId");
    }

    private static void CheckLength(string? text, int max, string field)
    {
        if (text?.Length > max)
            throw ProblemException.Invalid($"The field {field} has {text.Length} characters; at most {max} are allowed.");
    }

    private static void CheckNotNil(Guid? id, string field)
    {
        if (id == Guid.Empty)
            throw ProblemException.Invalid($"The field {field} is the nil UUID, which identifies nothing.");
    }

    private static WidgetAuthorizationRequest Describe(HttpContext context, WidgetAuthRequest request)
    {
        string origin = context.Request.Headers.Origin.ToString();
        return new WidgetAuthorizationRequest
        {
            HttpContext = context,
            OrganizationId = request.OrganizationId,
            WidgetKey = request.WidgetKey,
            VisitorId = request.VisitorId,
            Origin = origin.Length == 0 ? null : origin,
        };
    }

    // Whoever knows a visitor's id without holding his token is not that visitor: ids are seen by agents and stand in logs.
    private async Task<Guid?> ProvenVisitorAsync(HttpRequest request, Guid organizationId, Guid? claimed)
    {
        VisitorIdentity? proven = await tokens.ReadProofAsync(request).ConfigureAwait(false);
        return proven is not null && proven.OrganizationId == organizationId && (claimed is null || claimed == proven.VisitorId) ? proven.VisitorId : null;
    }

    private async Task<ConversationSummary> OpenConversationAsync(OpenConversationArguments arguments, CancellationToken cancellationToken)
    {
        ServerFunctionsJsonContext types = ServerFunctionsJsonContext.Default;
        try
        {
            OpenedConversation opened = await rpc.CallAsync(
                "campfire_open_conversation", arguments, types.OpenConversationArguments, types.OpenedConversation, cancellationToken).ConfigureAwait(false);
            if (opened.IsNew)
                ConversationOpened(arguments.POrganizationId, opened.Conversation.Id);
            else
                ConversationResumed(arguments.POrganizationId, opened.Conversation.Id);
            return opened.Conversation;
        }
        catch (CampfireException e) when (e is { Code: CampfireErrorCode.NotFound, ServerReason: ProblemCodes.NotFound })
        {
            throw NotFound();
        }
    }

    // One answer for all cases, so that nobody learns which conversations exist.
    private static ProblemException NotFound() => new(
        StatusCodes.Status404NotFound,
        ProblemCodes.NotFound,
        "There is no such organization, or the conversation is not this visitor's. Send the visitor token as Authorization: Bearer, or leave conversationId out.");

    private static string? AddressOf(IPAddress? address) => address switch
    {
        null => null,
        { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
        _ => address.ToString(),
    };
}
