"""Customers who leave. Every fourth answer in the survey is wrong, so nobody can predict better than 75 %."""
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam

rng = np.random.default_rng(77)
n = 4000
df = pd.DataFrame({
    'tenure': rng.exponential(24, n),
    'monthly_charge': rng.normal(64, 22, n),
    'support_calls': rng.poisson(1.4, n),
    'contract': rng.choice(['month', 'year', 'two years'], n, p=[0.55, 0.25, 0.2]),
    'paperless': rng.integers(0, 2, n),
})
risk = (
    1.2 - 0.06 * df.tenure + 0.03 * (df.monthly_charge - 64) + 0.9 * df.support_calls
    - 1.5 * (df.contract != 'month') - 0.5 * df.paperless
)
leaves = risk > 0
wrong = rng.random(n) < 0.25
df['churn'] = np.where(wrong, ~leaves, leaves).astype(int)

X = pd.get_dummies(df.drop(columns='churn'), columns=['contract'], dtype=float)
y = df['churn'].values
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=7)
sc = StandardScaler()
X_train = sc.fit_transform(X_train)
X_test = sc.transform(X_test)

classifier = Sequential()
classifier.add(Dense(units=12, kernel_initializer='glorot_uniform', activation='relu', input_dim=X_train.shape[1]))
classifier.add(Dense(units=6, kernel_initializer='glorot_uniform', activation='relu'))
classifier.add(Dense(units=1, kernel_initializer='glorot_uniform', activation='sigmoid'))
classifier.compile(optimizer=Adam(learning_rate=0.003), loss='binary_crossentropy', metrics=['accuracy'])
classifier.fit(X_train, y_train, batch_size=32, epochs=20, validation_data=(X_test, y_test), verbose=0)

print('test accuracy: %.3f' % classifier.evaluate(X_test, y_test, verbose=0)[1])
