namespace Campfire.Realtime.Server.Http;

/// <summary>The stable codes of problems that the server itself finds. Further ones come from the database.</summary>
internal static class ProblemCodes
{
    public const string DatabasePrefix = "campfire_";

    public const string Malformed = "campfire_malformed";
    public const string InvalidToken = "campfire_invalid_token";
    public const string WidgetRefused = "campfire_widget_refused";
    public const string NotFound = "campfire_not_found";
    public const string Conflict = "campfire_conflict";
    public const string TooLarge = "campfire_too_large";
    public const string UnsupportedMediaType = "campfire_unsupported_media_type";
    public const string Invalid = "campfire_invalid";
    public const string RateLimited = "campfire_rate_limited";
    public const string Upstream = "campfire_upstream";
    public const string Unavailable = "campfire_unavailable";
}
