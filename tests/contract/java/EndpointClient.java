import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;

/** Calls an endpoint with nothing but the JDK: `java EndpointClient.java URL KEY BODY [BODY …]`, one line per answer. */
public final class EndpointClient {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        for (String body : List.of(args).subList(2, args.length)) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(args[0]))
                    .timeout(Duration.ofSeconds(30))
                    .header("Authorization", "Bearer " + args[1])
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            String version = answer.headers().firstValue("x-model-version").orElse("-");
            System.out.println(answer.statusCode() + " " + version + " " + answer.body());
        }
    }
}
