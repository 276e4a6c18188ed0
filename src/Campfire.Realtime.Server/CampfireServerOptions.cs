namespace Campfire.Realtime.Server;

/// <summary>Options of the server SDK. They are checked once, when the application starts.</summary>
public sealed class CampfireServerOptions
{
    /// <summary>The default of <see cref="TokenLifetime"/>.</summary>
    public static readonly TimeSpan DefaultTokenLifetime = TimeSpan.FromMinutes(15);

    /// <summary>The default of <see cref="ClockSkew"/>.</summary>
    public static readonly TimeSpan DefaultClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>The default of <see cref="ResumeWindow"/>.</summary>
    public static readonly TimeSpan DefaultResumeWindow = TimeSpan.FromHours(24);

    /// <summary>The default of <see cref="RequestTimeout"/>.</summary>
    public static readonly TimeSpan DefaultRequestTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The default of <see cref="MaxRequestBodyBytes"/>.</summary>
    public const int DefaultMaxRequestBodyBytes = 256 * 1024;

    /// <summary>The default of <see cref="WidgetAuthRequestsPerMinute"/>.</summary>
    public const int DefaultWidgetAuthRequestsPerMinute = 30;

    /// <summary>Gets or sets the project's URL, for example <c>https://project.supabase.co</c>. Required.</summary>
    public Uri? Url { get; set; }

    /// <summary>Gets or sets the publishable (or legacy <c>anon</c>) key of the project. Widgets are told it. Required.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Gets or sets the secret (or legacy <c>service_role</c>) key of the project. It never leaves the server. Required.</summary>
    public string? ServiceKey { get; set; }

    /// <summary>Gets or sets the project's JWT secret, which signs visitor tokens (HS256). Required, at least 32 bytes.</summary>
    public string? JwtSecret { get; set; }

    /// <summary>Gets or sets where this server reaches Realtime, when it is not at <c>/realtime/v1</c> of <see cref="Url"/>.</summary>
    /// <value>Schemes http, https, ws and wss; the address of the WebSocket does as well. The default is <see langword="null"/>.</value>
    public Uri? RealtimeUrl { get; set; }

    /// <summary>Gets or sets where this server reaches PostgREST, when it is not at <c>/rest/v1</c> of <see cref="Url"/>.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public Uri? RestUrl { get; set; }

    /// <summary>Gets or sets the project's URL as widgets reach it, when that is not <see cref="Url"/>.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public Uri? PublicUrl { get; set; }

    /// <summary>Gets or sets how long a visitor token is valid.</summary>
    /// <value>The default is 15 minutes; 1 minute to 24 hours. A visitor whose access is withdrawn keeps it until then.</value>
    public TimeSpan TokenLifetime { get; set; } = DefaultTokenLifetime;

    /// <summary>Gets or sets by how much the clocks of servers may differ: an expired visitor token is accepted that much longer.</summary>
    /// <value>The default is 30 seconds; 0 to 5 minutes.</value>
    public TimeSpan ClockSkew { get; set; } = DefaultClockSkew;

    /// <summary>Gets or sets how long after its expiry a visitor token still proves who the visitor is, to resume a conversation.</summary>
    /// <value>The default is 24 hours; 0 to 30 days.</value>
    public TimeSpan ResumeWindow { get; set; } = DefaultResumeWindow;

    /// <summary>Gets or sets how long one call of Supabase may take.</summary>
    /// <value>The default is 10 seconds; 100 milliseconds to 5 minutes.</value>
    public TimeSpan RequestTimeout { get; set; } = DefaultRequestTimeout;

    /// <summary>Gets or sets how large the body of a request may be, in bytes.</summary>
    /// <value>The default is 262,144, room for a message of 16,000 characters in any script; 1,024 to 16,777,216.</value>
    public int MaxRequestBodyBytes { get; set; } = DefaultMaxRequestBodyBytes;

    /// <summary>Gets or sets how often one address may ask for a visitor token within a minute.</summary>
    /// <value>
    /// The default is 30; 1 to 1,000,000. Addresses of version 6 count by their /64 network. Behind a reverse proxy the application
    /// uses ASP.NET Core's forwarded headers, otherwise all visitors share the proxy's address.
    /// </value>
    public int WidgetAuthRequestsPerMinute { get; set; } = DefaultWidgetAuthRequestsPerMinute;

    internal Uri RpcUrl => Below(RestUrl ?? Below(Url!, "rest/v1"), "rpc/");

    internal Uri BroadcastUrl
    {
        get
        {
            Uri address = RealtimeUrl ?? Below(Url!, "realtime/v1");
            string path = WithoutEnd(WithoutEnd(address.AbsolutePath.TrimEnd('/'), "/websocket"), "/socket");
            int port = address.IsDefaultPort ? -1 : address.Port;
            string scheme = address.Scheme is "https" or "wss" ? "https" : "http";
            return new UriBuilder(scheme, address.Host, port, path + "/api/broadcast").Uri;
        }
    }

    private static string WithoutEnd(string path, string end) =>
        path.EndsWith(end, StringComparison.Ordinal) ? path[..^end.Length] : path;

    private static Uri Below(Uri address, string path) => new(address.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/" + path);
}
