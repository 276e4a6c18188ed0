using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Server.Supabase;

internal sealed record FindWidgetKeyArguments(string PPublicKey);

internal sealed record WidgetKey(Guid OrganizationId, IReadOnlyList<string> AllowedOrigins, bool IsEnabled);

internal sealed record OpenConversationArguments(
    Guid POrganizationId, Guid PVisitorId, string? PCustomerName, string? PCustomerEmail, Guid? PConversationId, string? PCustomerIp);

internal sealed record OpenedConversation(ConversationSummary Conversation, bool IsNew);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(FindWidgetKeyArguments))]
[JsonSerializable(typeof(WidgetKey))]
[JsonSerializable(typeof(OpenConversationArguments))]
[JsonSerializable(typeof(OpenedConversation))]
internal sealed partial class ServerFunctionsJsonContext : JsonSerializerContext;
